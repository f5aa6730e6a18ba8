import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { noSshd, sshd, startSshd, type Sshd } from '../../support/sshd.ts'
import { engineOf, go } from './rig.ts'

let server: Sshd
beforeAll(async () => { if (sshd !== null) server = await startSshd() })
afterAll(async () => { await server?.stop() })

describe.skipIf(sshd === null)(`on OpenSSH's own server${sshd === null ? ` (${noSshd})` : ''}`, () => {
  test.each(['certified', 'keyed'] as const)('%s: the words arrive as they are, and what they write comes back', async (how) => {
    const words = ['printf', '%s|', 'it\'s', 'a  b', '$HOME', '*', '~', '`id`', '$(id)', '; id', '', 'łódź', '#', '!x', '-n', '&', '(', '"', '{a,b}', '=ls']
    expect((await go(engineOf(server[how]), words)).said).toEqual({ stdout: `${words.slice(2).join('|')}|`, stderr: '', exitCode: 0, truncated: false })
  })
  test('the login is on the host\'s own record by the id that is on ours', async () => {
    const { executed } = await go(engineOf(server.certified), ['true'])
    const id = executed.status === 'succeeded' ? executed.rows.answered?.audit : null
    expect(id).toMatch(/^sluice-/)
    expect(server.log()).toContain(`ID ${id}`)
  })
})
