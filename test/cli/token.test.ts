import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { run } from '../../functions/cli/run.ts'
import { stand } from '../local/stand.ts'

let gate: Awaited<ReturnType<typeof stand>>
beforeAll(async () => { gate = await stand() })
afterAll(() => gate.close())
async function sluice(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  let [out, err] = ['', '']
  const terminal = { out: (text: string) => { out += text }, err: (text: string) => { err += text }, input: async () => '', columns: null, color: false, env: { HOME: '/nowhere', SLUICE_URL: gate.url, ...env } }
  return { code: await run(args, { terminal, fetch: (url, init) => fetch(url, init), bootstrap: async () => false }), out, err }
}
const bot = ['token', '--subject', 'agent:support-bot', '--group', 'support-agents', '--exec-credential']

describe('sluice token --exec-credential', () => {
  it('is what kubectl wants of a command: a token, and when to ask for the next', async () => {
    const { code, out } = await sluice([...bot, '--ttl', '10m'])
    const { kind, apiVersion, status } = JSON.parse(out) as { kind: string; apiVersion: string; status: { token: string; expirationTimestamp: string } }
    expect([code, kind, apiVersion, Object.keys(status)]).toEqual([0, 'ExecCredential', 'client.authentication.k8s.io/v1', ['token', 'expirationTimestamp']])
    const { exp, sub } = JSON.parse(Buffer.from(status.token.split('.')[1] ?? '', 'base64url').toString()) as { exp: number; sub: string }
    expect(sub).toBe('agent:support-bot')
    expect(Math.abs(Date.parse(status.expirationTimestamp) / 1000 - exp)).toBeLessThanOrEqual(2)
  })
  it.each(['v1', 'v1beta1'])('answers in the version that kubectl asks for: %s', async (version) => {
    const info = JSON.stringify({ kind: 'ExecCredential', apiVersion: `client.authentication.k8s.io/${version}`, spec: { interactive: false } })
    expect(JSON.parse((await sluice(bot, { KUBERNETES_EXEC_INFO: info })).out)).toMatchObject({ apiVersion: `client.authentication.k8s.io/${version}` })
  })
  it.each(['', '{', '{"apiVersion":"client.authentication.k8s.io/v9"}', '{"apiVersion":"x"}'])('answers in its newest where what it is asked in is none it knows: %s', async (info) => {
    expect(JSON.parse((await sluice(bot, { KUBERNETES_EXEC_INFO: info })).out)).toMatchObject({ apiVersion: 'client.authentication.k8s.io/v1' })
  })
})
