import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { run } from '../../functions/cli/run.ts'

const gate = 'https://sluice.acme.dev'
const desk = 'https://console.sluice.acme.dev'
type Replies = Readonly<Record<string, { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string }>>
const well: Replies = {
  [`${gate}/healthz`]: { status: 200 }, [`${gate}/readyz`]: { status: 200 },
  [`${gate}/v1/me`]: { status: 401, headers: { 'www-authenticate': `Bearer resource_metadata="${gate}/.well-known/oauth-protected-resource"`, 'cache-control': 'no-store' } },
  [`${gate}/v1/me garbage`]: { status: 401, headers: { 'www-authenticate': 'Bearer error="invalid_token"', 'cache-control': 'no-store' } },
  [`${gate}/.well-known/oauth-protected-resource`]: { status: 200, body: JSON.stringify({ resource: gate, authorization_servers: ['https://acme.okta.com'] }) },
  [`${desk}/requests`]: { status: 401, headers: { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': "default-src 'none'" } },
  [`${gate}/v1/audit/log/checkpoint`]: { status: 200, body: 'sluice.acme.dev/audit\n7\nroot\n\n— x y\n' }, [`${gate}/v1/audit/log/vkey`]: { status: 200, body: 'sluice.acme.dev/audit+abc+def' },
}
async function check(replies: Replies, args: readonly string[] = [gate, '--console', desk], env: Readonly<Record<string, string>> = { SLUICE_TOKEN: 't' }) {
  let out = ''
  let err = ''
  const code = await run(['deploy-check', ...args], {
    terminal: { out: (text) => { out += text }, err: (text) => { err += text }, input: async () => '', env, columns: null, color: false, live: false, drained: async () => {} },
    bootstrap: async () => { throw new Error('never') },
    fetch: async (url, init) => {
      const garbage = new Headers(init.headers).get('authorization') === 'Bearer garbage'
      const reply = replies[garbage ? `${url} garbage` : url]
      if (!reply) throw new TypeError('fetch failed', { cause: new Error('ECONNREFUSED') })
      return new Response(reply.body ?? '', { status: reply.status, headers: { ...reply.headers } })
    },
  })
  return { code, out, err }
}

describe('deploy-check', () => {
  test('a deployment as it must be', async () => {
    const { code, out, err } = await check(well)
    expect([code, err]).toEqual([0, 'everything looked at is as it must be\n'])
    expect(out).not.toMatch(/FAIL|^\? /m)
    expect(out).toContain('ok   log: 7 entries, signed as sluice.acme.dev/audit\n')
  })
  test.each([
    ['the challenge under the name that a function\'s address gives it', { [`${gate}/v1/me`]: { status: 401, headers: { 'x-amzn-remapped-www-authenticate': 'Bearer', 'cache-control': 'no-store' } } }, 'FAIL challenge: it arrives under another name\n     CloudFront does not give it back its name'],
    ['another public address', { [`${gate}/v1/me`]: { status: 401, headers: { 'www-authenticate': 'Bearer resource_metadata="https://x.lambda-url.eu.on.aws/.well-known/oauth-protected-resource"', 'cache-control': 'no-store' } } }, 'FAIL challenge'],
    ['an edge whose key differs', { [`${gate}/healthz`]: { status: 403 } }, 'FAIL alive: it answered 403'],
    ['no policy yet', { [`${gate}/readyz`]: { status: 503 } }, 'FAIL ready: it answered 503\n     is there a policy'],
    ['a cache before it', { [`${gate}/v1/me`]: { ...well[`${gate}/v1/me`], status: 401, headers: { 'cache-control': 'max-age=60' } } }, 'FAIL not cached: max-age=60'],
    ['an issuer over http', { [`${gate}/.well-known/oauth-protected-resource`]: { status: 200, body: JSON.stringify({ resource: gate, authorization_servers: ['http://127.0.0.1:8787/dev/oidc'] }) } }, 'FAIL issuers: http://127.0.0.1:8787/dev/oidc'],
    ['pages with scripts', { [`${desk}/requests`]: { status: 401, headers: { 'content-type': 'text/html' } } }, 'FAIL no scripts there'],
    ['a log that nobody writes', { [`${gate}/v1/audit/log/checkpoint`]: { status: 404 } }, 'FAIL log: it answered 404'],
    ['nobody there', { [`${desk}/requests`]: undefined }, 'FAIL approvers\' pages: no answer (ECONNREFUSED)'],
  ])('%s is found', async (_, change, line) => {
    const { code, out } = await check({ ...well, ...change } as Replies)
    expect(out).toContain(line)
    expect(code).toBe(1)
  })
  test('what could not be looked at is not said to be well', async () => {
    const { code, out, err } = await check(well, [gate], {})
    expect(out).toContain('?    approvers\' pages: no address is known\n     name it with --console')
    expect([code, err]).toEqual([1, '0 not as it must be, 2 not looked at\n'])
  })
  test('takes its addresses from what sst deploy wrote', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'sluice-outputs-')), 'outputs.json')
    writeFileSync(file, JSON.stringify({ gate, console: desk, socket: 'wss://socket.sluice.acme.dev' }))
    expect((await check(well, ['--outputs', file])).code).toBe(0)
    expect(await check(well, ['--outputs', `${file}.none`])).toMatchObject({ code: 3 })
  })
})
