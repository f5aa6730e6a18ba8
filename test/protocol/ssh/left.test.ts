import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { noSshd, sshd, startSshd, type Sshd } from '../../support/sshd.ts'
import { engineOf, go, outcome } from './rig.ts'

/** What a command leaves running keeps its output open: OpenSSH tells at once how it ended, and closes the channel when the last of them is gone. */
let server = null as unknown as Sshd
beforeAll(async () => { if (sshd !== null) server = await startSshd() })
afterAll(async () => { await server?.stop() })
const words = 'what it left running still holds its output, and what that writes is not heard'

describe.skipIf(sshd === null)(`a command that leaves something running${sshd === null ? ` (${noSshd})` : ''}`, () => {
  test.each([['certified', 0], ['keyed', 3]] as const)('%s: has ended as it ended, and is not waited out', async (how, exitCode) => {
    const heard: string[] = []
    const given = await go(engineOf(server[how]), ['sh', '-c', `echo done; sleep 300 & exit ${exitCode}`], { timeoutMs: 60_000, run: { heard: async (stream, bytes) => { heard.push(`${stream} ${Buffer.from(bytes).toString()}`) } } })
    expect(outcome(given)).toBe('succeeded')
    expect(given.said).toEqual({ stdout: 'done\n', stderr: '', exitCode, truncated: false, ended: words })
    expect(heard).toEqual(['stdout done\n'])
  }, 50_000)
  test('that goes on writing is heard to the end of its time, and then has ended as it ended', async () => {
    const given = await go(engineOf(server.certified), ['sh', '-c', '(while echo on; do sleep 0.2; done) & exit 4'], { timeoutMs: 5000 })
    expect(given.said).toMatchObject({ stdout: expect.stringMatching(/^(on\n){5,}$/), exitCode: 4, ended: words })
  }, 120_000)
  test('and whose own end was not heard of stays unknown', async () => {
    expect(outcome(await go(engineOf(server.certified), ['sh', '-c', 'echo on; sleep 20'], { timeoutMs: 3000 }))).toBe('unknown outcome-unknown answer_lost')
  }, 120_000)
  test('the record has of a line that is cut what the answer has', async () => {
    const heard: Buffer[] = []
    const given = await go(engineOf(server.certified), ['sh', '-c', 'echo whole; printf \'mail to lena.sommer@acme-s\'; sleep 300 & exit 0'], { timeoutMs: 60_000, run: { heard: async (_, bytes) => { heard.push(Buffer.from(bytes)) } } })
    expect(given.said).toMatchObject({ stdout: 'whole\n[withheld: the line is cut]\n' })
    expect(Buffer.concat(heard).toString()).toBe('whole\n[withheld: the line is cut]\n')
  }, 50_000)
})
