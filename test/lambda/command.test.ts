import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bundle } from '../../infra/bundle.ts'
import { noSshd, sshd, startSshd, type Sshd } from '../support/sshd.ts'
import { documents, openssl, startGate } from './gate.ts'
import { startRuntime, urlEvent, type Runtime } from './runtime.ts'

/** A command on a host, from the bundle that would be deployed, to OpenSSH's own server. */
const why = sshd === null ? ` (${noSshd})` : openssl === undefined ? ' (no openssl for a test certificate)' : ''
describe.skipIf(sshd === null || openssl === undefined)(`the bundle of what lasts and a host${why}`, () => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-command-'))
  let [runtime, around, host, file] = [null, null, null, ''] as unknown as [Runtime, Awaited<ReturnType<typeof startGate>>, Sshd, string]
  beforeAll(async () => {
    host = await startSshd()
    around = await startGate(directory, {
      documents: (issuer) => [
        ...documents(issuer), { version: 1, kind: 'connection', name: 'bastion', engine: 'ssh', secret: 'bastion-ssh', detect: ['email'] },
        { version: 1, kind: 'role', name: 'runner', members: [{ group: 'readers' }], rules: [{ allow: ['exec'], connection: 'bastion', on: [['printf', '%s|', '*', 'joe@acme.dev']] }] },
      ],
      env: { SLUICE_SECRET_BASTION_SSH: host.certified },
    })
    ;({ file } = await bundle('lasting', directory))
    runtime = await startRuntime(file, around.env, around.preload)
  }, 120_000)
  afterAll(async () => {
    await runtime?.stop()
    await around?.stop()
    await host?.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  const exec = (command: readonly string[]) => runtime.invoke(urlEvent('POST', '/v1/connections/bastion/exec', { headers: { 'content-type': 'application/json', authorization: `Bearer ${around.token}` }, body: JSON.stringify({ command }) }))

  test('runs what a rule names, masked, and nothing else', async () => {
    const ran = await exec(['printf', '%s|', 'a', 'joe@acme.dev'])
    expect(ran.status, ran.body + runtime.output()).toBe(200)
    expect(JSON.parse(ran.body)).toMatchObject({ stdout: 'a|[redacted: email]|', exitCode: 0, receipt: { event: expect.stringMatching(/^evt_/) as unknown } })
    const sessions = () => host.log().split('Accepted publickey').length - 1   // what it says of their ends may come later
    expect(sessions()).toBe(1)
    expect((await exec(['printf', '%s|', '$HOME', 'joe@acme.dev'])).status).toBe(403)
    expect((await exec(['id'])).status).toBe(403)
    expect(sessions()).toBe(1)
  })
  test('whoever takes a database or a name of nothing for a host is told where it is asked, though no engine of a database is here', async () => {
    const ask = async (name: string, body: object) => JSON.parse((await runtime.invoke(urlEvent('POST', `/v1/connections/${name}/exec`, { headers: { 'content-type': 'application/json', authorization: `Bearer ${around.token}` }, body: JSON.stringify(body) }))).body) as unknown
    expect(await ask('shop', { command: ['id'] })).toMatchObject({ status: 404, detail: expect.stringContaining('/v1/connections/shop/query') as unknown })
    expect(await ask('shop', { namespace: 'web', pod: 'front', command: ['id'] })).toMatchObject({ status: 404, detail: expect.stringContaining('/v1/connections/shop/query') as unknown })
    expect(await ask('nothing', { command: ['id'] })).toMatchObject({ status: 404, reason: 'no_connection' })
    expect(runtime.output()).not.toContain('which this assembly does not have')
  })
  test('the library is read with the first command, needs nothing native, and says nothing of that', () => {
    const files = readdirSync(dirname(file))
    expect(files.filter((name) => name.endsWith('.node'))).toEqual([])
    expect(readFileSync(file, 'utf8')).not.toContain('OPENSSH PRIVATE KEY')
    expect(files.filter((name) => name.endsWith('.mjs') && readFileSync(join(dirname(file), name), 'utf8').includes('OPENSSH PRIVATE KEY')).length).toBeGreaterThan(0)
    expect(runtime.output()).not.toMatch(/cpu-features|sshcrypto|warn/i)
  })
})
