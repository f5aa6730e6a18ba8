import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { deployCheck } from '../../functions/cli/deploy.ts'
import { run } from '../../functions/cli/run.ts'

const gate = 'https://sluice.acme.dev'
const desk = 'https://console.sluice.acme.dev'
const socket = 'wss://socket.sluice.acme.dev'
type Replies = Readonly<Record<string, { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string }>>
const well: Replies = {
  [`${gate}/healthz`]: { status: 200 }, [`${gate}/readyz`]: { status: 200 },
  [`${gate}/v1/me`]: { status: 401, headers: { 'www-authenticate': `Bearer resource_metadata="${gate}/.well-known/oauth-protected-resource"`, 'cache-control': 'no-store' } },
  [`${gate}/v1/me garbage`]: { status: 401, headers: { 'www-authenticate': 'Bearer error="invalid_token"', 'cache-control': 'no-store' } },
  ...Object.fromEntries(['/mcp', '/v1/kubernetes/any/api?watch=1', '/v1/connections/any/exec'].flatMap((path) => [
    [`${gate}${path}`, { status: 401, headers: { 'www-authenticate': `Bearer resource_metadata="${gate}/.well-known/oauth-protected-resource"`, 'cache-control': 'no-store' } }],
    [`${gate}${path} garbage`, { status: 401, headers: { 'www-authenticate': 'Bearer error="invalid_token"', 'cache-control': 'no-store' } }],
  ])),
  [`${gate}/.well-known/oauth-protected-resource`]: { status: 200, body: JSON.stringify({ resource: gate, authorization_servers: ['https://acme.okta.com'] }) },
  [`${desk}/requests`]: { status: 401, headers: { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': "default-src 'none'" } },
  'https://socket.sluice.acme.dev/': { status: 403 },
  [`${gate}/v1/audit/log/checkpoint`]: { status: 200, body: 'sluice.acme.dev/audit\n7\nroot\n\n— x y\n' }, [`${gate}/v1/audit/log/vkey`]: { status: 200, body: 'sluice.acme.dev/audit+abc+def' },
}
async function check(replies: Replies, args: readonly string[] = [gate, '--console', desk, '--socket', socket], env: Readonly<Record<string, string>> = { SLUICE_TOKEN: 't' }) {
  let out = ''
  let err = ''
  const asked: (readonly [string, string | null])[] = []
  const code = await run(['deploy-check', ...args], {
    terminal: { out: (text) => { out += text }, err: (text) => { err += text }, input: async () => '', env: { HOME: '/nowhere', ...env }, columns: null, color: false, live: false, drained: async () => {} },
    bootstrap: async () => { throw new Error('never') },
    fetch: async (url, init) => {
      asked.push([url, new Headers(init.headers).get('authorization')])
      const garbage = new Headers(init.headers).get('authorization') === 'Bearer garbage'
      const reply = replies[garbage ? `${url} garbage` : url]
      if (!reply) throw new TypeError('fetch failed', { cause: new Error('ECONNREFUSED') })
      return new Response(reply.body ?? '', { status: reply.status, headers: { ...reply.headers } })
    },
  })
  return { code, out, err, asked }
}
const written = (outputs: object) => { const file = join(mkdtempSync(join(tmpdir(), 'sluice-outputs-')), 'outputs.json'); writeFileSync(file, JSON.stringify(outputs)); return ['--outputs', file] }

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
    ['a way to another function whose challenge has another name', { [`${gate}/mcp`]: { status: 401, headers: { 'x-amzn-remapped-www-authenticate': 'Bearer', 'cache-control': 'no-store' } } }, 'FAIL challenge at /mcp: it arrives under another name'],
    ['a watch that leads elsewhere', { [`${gate}/v1/kubernetes/any/api?watch=1`]: { status: 404 } }, 'FAIL challenge at /v1/kubernetes: it answered 404'],
    ['a command that somebody else refuses', { [`${gate}/v1/connections/any/exec garbage`]: { status: 403 } }, 'FAIL invalid token at exec: it answered 403'],
    ['no challenge at all', { [`${gate}/v1/me`]: { status: 401, headers: { 'cache-control': 'no-store' } } }, 'FAIL challenge: it answered 401 without a WWW-Authenticate'],
    ['no challenge of a token that is none', { [`${gate}/v1/me garbage`]: { status: 401 } }, 'FAIL invalid token: it answered 401 without a WWW-Authenticate'],
    ['an edge whose key differs', { [`${gate}/healthz`]: { status: 403 } }, 'FAIL alive: it answered 403'],
    ['no policy yet', { [`${gate}/readyz`]: { status: 503 } }, 'FAIL ready: it answered 503\n     is there a policy'],
    ['a cache before it', { [`${gate}/v1/me`]: { ...well[`${gate}/v1/me`], status: 401, headers: { 'cache-control': 'max-age=60' } } }, 'FAIL not cached: max-age=60'],
    ['an issuer over http', { [`${gate}/.well-known/oauth-protected-resource`]: { status: 200, body: JSON.stringify({ resource: gate, authorization_servers: ['http://127.0.0.1:8787/dev/oidc'] }) } }, 'FAIL issuers: http://127.0.0.1:8787/dev/oidc'],
    ['pages with scripts', { [`${desk}/requests`]: { status: 401, headers: { 'content-type': 'text/html' } } }, 'FAIL no scripts there'],
    ['a log that nobody writes', { [`${gate}/v1/audit/log/checkpoint`]: { status: 404 } }, 'FAIL log: it answered 404'],
    ['a socket that nobody answers', { 'https://socket.sluice.acme.dev/': undefined }, 'FAIL socket: no answer (ECONNREFUSED)'],
    ['a socket that leads elsewhere', { 'https://socket.sluice.acme.dev/': { status: 200 } }, 'FAIL socket: it answered 200'],
    ['nobody there', { [`${desk}/requests`]: undefined }, 'FAIL approvers\' pages: no answer (ECONNREFUSED)'],
  ])('%s is found', async (_, change, line) => {
    const { code, out } = await check({ ...well, ...change } as Replies)
    expect(out).toContain(line)
    expect(code).toBe(1)
  })
  test('of a name that leads nowhere only that is said, and nothing of what an answer would hold', async () => {
    const { code, out } = await check({}, ['https://nowhere.acme.dev', '--console', 'https://desk.nowhere.acme.dev'])
    expect(code).toBe(1)
    expect(out).toContain('FAIL alive: no answer (ECONNREFUSED)')
    expect(out).toContain('?    not cached: no answer (ECONNREFUSED)\n')
    expect(out.split('\n').filter((line) => line.startsWith('FAIL')).map((line) => line.split(':')[0])).toEqual(['FAIL alive', 'FAIL ready', 'FAIL approvers\' pages', 'FAIL log'])
    expect(out).not.toMatch(/takes headers away|in its place|wrong caller/)
  })
  test('what could not be looked at is not said to be well', async () => {
    const { code, out, err } = await check(well, [gate], {})
    expect(out).toContain('?    approvers\' pages: no address is known\n     name it with --console')
    expect([code, err]).toEqual([1, '0 not as it must be, 3 not looked at\n'])
  })
  test('takes its addresses from what sst deploy wrote, and says which are not there', async () => {
    const machine = 'arn:aws:states:eu-central-1:123456789012:stateMachine:sluice'
    expect((await check(well, written({ gate, console: desk, socket, machine }))).code).toBe(0)
    const nowhere = await check(well, written({ gate, console: desk, socket: 'wss://socket.nowhere.invalid', machine }))
    expect([nowhere.code, nowhere.out]).toEqual([1, expect.stringContaining('FAIL socket: no answer')])
    const { code, out } = await check(well, written({ gate, console: desk }))
    expect([code, out]).toEqual([1, expect.stringMatching(/FAIL outputs: `socket` is not in [^]*FAIL outputs: `machine` is not in [^]*\?    socket: no address is known/)])
    expect(await check(well, written({}))).toMatchObject({ code: 3, err: expect.stringContaining('`gate` is not in') })
    expect(await check(well, ['--outputs', '/nowhere/outputs.json'])).toMatchObject({ code: 3 })
    const cut = written({})
    writeFileSync(cut[1] ?? '', '{"gate":"https://x.inv\n')
    expect(await check(well, cut)).toMatchObject({ code: 3, err: expect.stringContaining(`${cut[1]} is not what \`sst deploy\` writes, or is cut short`) })
  })
  test.each([
    ['may not read the audit', 403, '?    log: the token\'s holder may not read it (403)'], ['is not taken', 401, '?    log: the token is not taken (401)'],
  ])('a token that %s says nothing of the log, and nothing of the sequencer', async (_, status, line) => {
    const { code, out } = await check({ ...well, [`${gate}/v1/audit/log/checkpoint`]: { status } })
    expect([code, out]).toEqual([1, expect.stringContaining(line)])
    expect(out).not.toContain('sequencer')
  })
  test('asks with what login kept for that very gate, and with nothing in clear over a network', async () => {
    const home = mkdtempSync(join(tmpdir(), 'sluice-home-'))
    mkdirSync(join(home, '.config/sluice'), { recursive: true })
    writeFileSync(join(home, '.config/sluice/tokens.json'), JSON.stringify({ [gate]: { token: 'kept', expiresAt: Date.now() + 60_000, issuer: 'https://acme.okta.com' } }))
    const from = async (address: string, env: Readonly<Record<string, string>>) => new Set((await check(well, [address], env)).asked.map(([, given]) => given))
    expect(await from(gate, { HOME: home })).toContain('Bearer kept')
    expect(await from('https://other.acme.dev', { HOME: home })).not.toContain('Bearer kept')
    expect(await from('http://sluice.acme.dev', { SLUICE_TOKEN: 't' })).not.toContain('Bearer t')
    expect(await from('http://127.0.0.1:1', { SLUICE_TOKEN: 't' })).toContain('Bearer t')
  })
})

describe('mail, by deploy-check', () => {
  const tokens = ['aaa', 'bbb', 'ccc']
  const records = new Map(tokens.map((token) => [`${token}._domainkey.acme.dev`, `${token}.dkim.amazonses.com`]))
  async function look(outputs: object, env: Readonly<Record<string, string>>, names: ReadonlyMap<string, string> = records) {
    let out = ''
    const { run: go } = deployCheck(async () => new Response(''), async (name) => { const found = names.get(name); if (found === undefined) throw new Error('ENOTFOUND'); return [found] })
    await go(written({ gate, ...outputs }), { terminal: { out: (text) => { out += text }, err: () => {}, input: async () => '', env: { HOME: '/nowhere', ...env }, columns: null, color: false, live: false, drained: async () => {} }, gate: async () => { throw new Error('never') } })
    return out.split('\n').filter((line, at, all) => /^.{4} mail/.test(line) || (at > 0 && line.startsWith('     ') && all.slice(0, at).findLast((one) => !one.startsWith('     '))?.includes(' mail') === true)).join('\n')
  }
  const from = { SLUICE_MAIL_FROM: 'sluice@acme.dev' }
  test('is well when its domain names the keys of SES', async () => {
    expect(await look({ mailTokens: tokens }, from)).toMatch(/^ok   mail: acme\.dev names the keys of SES; .*sandbox is not seen from here$/)
  })
  test('is not where a record is missing or leads elsewhere, and each record is named', async () => {
    for (const wrong of [new Map([...records].slice(1)), new Map([...records, ['bbb._domainkey.acme.dev', 'bbb.dkim.evil.example']])]) {
      expect(await look({ mailTokens: tokens }, from, wrong)).toMatch(/^FAIL mail: 1 of 3 records [^]*aaa\._domainkey\.acme\.dev CNAME aaa\.dkim\.amazonses\.com\n {5}bbb[^]*ccc[^]*sandbox/)
    }
  })
  test('is not said to be well by who does not know its domain, is no finding where there is none, and is one where it was meant to be', async () => {
    expect(await look({ mailTokens: tokens }, {})).toMatch(/^\? {4}mail: .*\n {5}aaa\._domainkey\.DOMAIN/)
    expect(await look({}, {})).toBe('')
    expect(await look({}, from)).toMatch(/^FAIL mail: SLUICE_MAIL_FROM is set, and no `mailTokens`/)
  })
})
