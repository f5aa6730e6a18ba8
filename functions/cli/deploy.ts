import { resolveCname } from 'node:dns/promises'
import { readFile } from 'node:fs/promises'
import type { Fetch } from './client.ts'
import { parse, type Command } from './command.ts'
import { storedToken } from './kept.ts'
import { list, object, printJson, text } from './output.ts'
import { exit, Stop, type Terminal } from './terminal.ts'
import { visible, visibleLines } from './visible.ts'

/** One thing a deployment must do. `ok` null: it could not be looked at, and is not said to be well. `mend`: what to do about it. */
interface Finding { readonly check: string; readonly ok: boolean | null; readonly found: string; readonly mend?: string }
interface Place {
  readonly gate: string; readonly console: string | null; readonly socket: string | null; readonly token: string | null
  /** Of the outputs, what is not there; and which file that is, null: the gate was named. */
  readonly missing: readonly string[]; readonly file: string | null
  /** The tokens that SES signs mail by, and the domain it is sent from. */
  readonly mail: { readonly tokens: readonly string[]; readonly domain: string | null }
}
interface Answer { readonly status: number; readonly headers: Headers; readonly body: string }
type Get = (url: string, headers?: Readonly<Record<string, string>>, method?: 'GET' | 'POST') => Promise<Answer>
/** A name's CNAME records. Rejects where there is none. */
type Resolve = (name: string) => Promise<readonly string[]>

const usage = 'sluice deploy-check [URL] [--console URL] [--socket URL] [--outputs FILE] [--json]'
export const deployCheck = (fetch: Fetch, resolve: Resolve = resolveCname): Command => ({
  summary: 'looks at a deployed gate as its users will, and says what is missing',
  help: `${usage}

  sluice deploy-check                                  what \`sst deploy\` wrote into .sst/outputs.json
  sluice deploy-check https://sluice.acme.dev --console https://console.sluice.acme.dev --socket wss://socket.sluice.acme.dev

What a caller without a token is told is part of what is checked. With one (SLUICE_TOKEN, or what \`sluice login\` kept for this gate), of somebody who may read the audit, the log is looked at too;
with SLUICE_MAIL_FROM as for the deploy, whether its domain lets SES sign.
Exit code 1 when something is not as it must be, or could not be looked at.`,
  run: async (args, { terminal }) => {
    const { values, positionals: [url] } = parse(args, { json: { type: 'boolean' }, console: { type: 'string' }, socket: { type: 'string' }, outputs: { type: 'string' } }, [0, 1], usage)
    const place = await placeOf(terminal, url ?? null, values)
    const get = getter(fetch)
    const findings: Finding[] = []
    for (const check of checks) findings.push(...await check(place, get, resolve))
    if (values.json) printJson(terminal, { gate: place.gate, console: place.console, socket: place.socket, findings })
    else for (const { check, ok, found, mend } of findings) terminal.out(`${ok === null ? '?   ' : ok ? 'ok  ' : 'FAIL'} ${check}: ${visible(found)}${ok !== true && mend ? `\n     ${visibleLines(mend)}` : ''}\n`)
    const wrong = findings.filter(({ ok }) => ok === false).length
    const unseen = findings.filter(({ ok }) => ok === null).length
    terminal.err(wrong + unseen === 0 ? 'everything looked at is as it must be\n' : `${wrong} not as it must be, ${unseen} not looked at\n`)
    return wrong > 0 || unseen > 0 ? exit.failed : exit.done
  },
})

async function placeOf({ env }: Terminal, url: string | null, given: { readonly console?: string; readonly socket?: string; readonly outputs?: string }): Promise<Place> {
  const file = url === null ? given.outputs ?? '.sst/outputs.json' : null
  const json = file === null ? '{}' : await readFile(file, 'utf8').catch(() => null)
  if (json === null) throw new Stop(exit.invalid, `${file} cannot be read; name the gate, or run this where \`sst deploy\` ran`)
  const outputs = attempt(json)
  if (outputs === null) throw new Stop(exit.invalid, `${file} is not what \`sst deploy\` writes, or is cut short; deploy again, or name the gate`)
  const read = object(outputs)
  const found = (name: string): string | null => text(read[name]) || null
  const gate = url ?? found('gate')
  if (gate === null) throw new Stop(exit.invalid, `\`gate\` is not in ${file}: did \`sst deploy\` end? name the gate, or deploy again`)
  const origin = address(gate)
  const [console, socket] = [given.console ?? found('console'), given.socket ?? found('socket')]
  return {
    gate: origin, console: console === null ? null : address(console), socket: socket === null ? null : address(socket), file,
    token: safe(origin) ? env['SLUICE_TOKEN'] || await storedToken(origin, env) : null,
    missing: file === null ? [] : ['console', 'socket', 'machine'].filter((name) => found(name) === null && given[name as keyof typeof given] === undefined),
    mail: { tokens: list(read['mailTokens']).map(text).filter((token) => /^[A-Za-z0-9]{1,63}$/.test(token)), domain: env['SLUICE_MAIL_FROM']?.split('@').at(-1) || null },
  }
}
/** Of a socket's address where it is asked by HTTP: a plain GET there opens none. */
function address(given: string): string {
  const url = URL.parse(given.replace(/^ws(s?):/, 'http$1:'))
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) throw new Stop(exit.invalid, `\`${given}\` is no address`)
  return given.startsWith('ws') ? url.href : url.origin
}
/** A token never travels in clear over a network. */
const safe = (url: string): boolean => url.startsWith('https://') || /^http:\/\/(127\.\d+\.\d+\.\d+|\[::1\]|localhost)(:|$)/.test(url)

const getter = (fetch: Fetch): Get => async (url, headers = {}, method = 'GET') => {
  try {
    const response = await fetch(url, { method, headers: { ...headers }, redirect: 'manual', signal: AbortSignal.timeout(15_000) })
    return { status: response.status, headers: response.headers, body: await response.text() }
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
    return { status: 0, headers: new Headers(), body: cause instanceof Error ? cause.message : 'no answer' }
  }
}
const said = ({ status, body }: Answer): string => status === 0 ? `no answer (${body})` : `it answered ${status}`
/** What is read off an answer: where there is none, nothing is said of it. That nobody answers is a finding of its own. */
const of = (answer: Answer, { check, ok, found, mend }: Finding): Finding => answer.status === 0 ? { check, ok: null, found: said(answer) } : { check, ok, found, ...(mend === undefined ? {} : { mend }) }

const checks: readonly ((place: Place, get: Get, resolve: Resolve) => Promise<readonly Finding[]>)[] = [
  async ({ missing, file }) => missing.map((name) => ({ check: 'outputs', ok: false, found: `\`${name}\` is not in ${file}`, mend: 'deploy again, with sst.config.ts as it is: it was not deployed to its end, or by another one' })),
  async ({ gate, console, socket }) => [gate, console, socket].filter((url) => url !== null).map((url) => ({ check: 'https', ok: url.startsWith('https://'), found: url, mend: 'tokens travel in clear: put CloudFront in front (infra/edge.ts)' })),
  async ({ gate }, get) => {
    const alive = await get(`${gate}/healthz`)
    const ready = await get(`${gate}/readyz`)
    return [
      { check: 'alive', ok: alive.status === 200, found: alive.status === 200 ? `${gate}/healthz` : said(alive), mend: 'a 403 without a body is the edge: the functions and CloudFront have different keys, deploy again; no answer: does the name lead to CloudFront?' },
      { check: 'ready', ok: ready.status === 200, found: ready.status === 200 ? 'policy, record and targets answer, and no record failed there in the last ten seconds' : said(ready), mend: 'is there a policy (`sluice policy apply DIR --bootstrap`), has each target\'s secret a value, do the targets answer, can the record be written? the function\'s log says which' },
    ]
  },
  async ({ gate }, get) => (await Promise.all(challenged.map((way) => challenges(gate, way, get)))).flat(),
  async ({ gate }, get) => {
    const metadata = await get(`${gate}/.well-known/oauth-protected-resource`)
    const { resource, authorization_servers: servers } = object(metadata.status === 200 ? attempt(metadata.body) : null)
    const named = Array.isArray(servers) ? servers.map(text) : []
    return [of(metadata, { check: 'issuers', ok: resource === gate && named.length > 0 && named.every((one) => one.startsWith('https://')), found: metadata.status === 200 ? `${named.length === 0 ? 'none' : named.join(', ')}${resource === gate ? '' : `, for ${text(resource)}`}` : said(metadata),
      mend: `the policy in force names the issuers, and the resource is the address it was deployed under (SLUICE_DOMAIN), here ${gate}` })]
  },
  async ({ gate, console }, get) => {
    if (console === null) return [{ check: 'approvers\' pages', ok: null, found: 'no address is known', mend: 'name it with --console' }]
    const page = await get(`${console}/requests`)
    const policy = page.headers.get('content-security-policy') ?? ''
    return [
      { check: 'approvers\' pages', ok: page.status === 401 && (page.headers.get('content-type') ?? '').startsWith('text/html'), found: page.status === 401 ? 'they ask who one is' : said(page), mend: 'see the function People and its log; has its secret `sluice-console-key` a value?' },
      of(page, { check: 'no scripts there', ok: policy.includes("default-src 'none'"), found: policy === '' ? 'no content security policy' : 'none is let in', mend: 'something before the pages takes headers away' }),
      { check: 'another origin than agents\'', ok: new URL(console).origin !== new URL(gate).origin, found: console, mend: 'a page and an API of one origin share what a browser keeps' },
    ]
  },
  async ({ socket }, get) => {
    if (socket === null) return [{ check: 'socket', ok: null, found: 'no address is known', mend: 'name it with --socket' }]
    const plain = await get(socket)
    return [{ check: 'socket', ok: [400, 401, 403, 426].includes(plain.status), found: [400, 401, 403, 426].includes(plain.status) ? `it lets nobody in who opens none (${plain.status})` : said(plain), mend: 'does its name lead to API Gateway, with a certificate? see the function Socket and its log' }]
  },
  mailed,
  async ({ gate, token }, get) => {
    if (token === null) return [{ check: 'log', ok: null, found: 'not asked without a token', mend: 'sign in with `sluice login`, or set SLUICE_TOKEN, as somebody who may read the audit' }]
    const headers = { authorization: `Bearer ${token}` }
    const [checkpoint, vkey] = [await get(`${gate}/v1/audit/log/checkpoint`, headers), await get(`${gate}/v1/audit/log/vkey`, headers)]
    if (checkpoint.status === 401) return [{ check: 'log', ok: null, found: 'the token is not taken (401)', mend: 'it is over, or of another issuer or audience; this says nothing of the log: sign in again with `sluice login`' }]
    if (checkpoint.status === 403) return [{ check: 'log', ok: null, found: 'the token\'s holder may not read it (403)', mend: 'this says nothing of the log: ask as somebody whom a rule gives `read` on `audit` of the connection `sluice`' }]
    const [origin, size] = checkpoint.body.split('\n')
    return [{ check: 'log', ok: checkpoint.status === 200 && vkey.status === 200 && vkey.body.startsWith(`${origin}+`), found: checkpoint.status === 200 ? `${size} entries, signed as ${origin}` : said(checkpoint),
      mend: 'the sequencer writes it: see its function\'s log, and that its schedule is enabled. Then run `sluice audit witness` somewhere else' }]
  },
]

interface Way { readonly name: string; readonly method: 'GET' | 'POST'; readonly path: string }
/** One for each way through CloudFront (infra/routes.ts): function and behaviour are others, and each has the challenge to give back. */
const challenged: readonly Way[] = [
  { name: '', method: 'GET', path: '/v1/me' }, { name: ' at /mcp', method: 'POST', path: '/mcp' },
  { name: ' at /v1/kubernetes', method: 'GET', path: '/v1/kubernetes/any/api?watch=1' }, { name: ' at exec', method: 'POST', path: '/v1/connections/any/exec' },
]
async function challenges(gate: string, { name, method, path }: Way, get: Get): Promise<readonly Finding[]> {
  const [without, garbage] = await Promise.all([get(`${gate}${path}`, {}, method), get(`${gate}${path}`, { authorization: 'Bearer garbage' }, method)])
  const [challenge, refused] = [without.headers.get('www-authenticate'), garbage.headers.get('www-authenticate')]
  const renamed = without.headers.get('x-amzn-remapped-www-authenticate')
  const shown = (answer: Answer, header: string | null) => answer.status === 401 ? header ?? 'it answered 401 without a WWW-Authenticate' : said(answer)
  return [
    of(without, { check: `challenge${name}`, ok: without.status === 401 && (challenge ?? '').includes(`resource_metadata="${gate}/.well-known/oauth-protected-resource"`), found: renamed ? 'it arrives under another name' : shown(without, challenge),
      mend: renamed ? 'CloudFront does not give it back its name: is the function `challenge` attached to every behaviour?' : `the address it names must be the one agents use (SLUICE_DOMAIN, as deployed), here ${gate}; nothing in between may take headers away, or answer in the gate's place` }),
    of(garbage, { check: `invalid token${name}`, ok: garbage.status === 401 && (refused ?? '').includes('error="invalid_token"'), found: shown(garbage, refused), mend: 'something before the gate answers in its place, or takes headers away' }),
    of(without, { check: `not cached${name}`, ok: without.headers.get('cache-control') === 'no-store', found: without.headers.get('cache-control') ?? 'no cache-control', mend: 'an answer kept by a cache is given to the wrong caller' }),
  ]
}

/** SES sends nothing for a domain that does not name its keys. */
async function mailed({ mail: { tokens, domain }, file }: Place, _: Get, resolve: Resolve): Promise<readonly Finding[]> {
  if (file === null) return []
  if (tokens.length === 0) return domain === null ? [] : [{ check: 'mail', ok: false, found: `SLUICE_MAIL_FROM is set, and no \`mailTokens\` are in ${file}`, mend: 'it was deployed without it, and no approver is mailed: deploy again' }]
  const records = `${tokens.map((token) => `${token}._domainkey.${domain ?? 'DOMAIN'} CNAME ${token}.dkim.amazonses.com`).join('\n     ')}\n     and ask AWS to let SES out of its sandbox in this region: until then it sends only to addresses that it has verified`
  if (domain === null) return [{ check: 'mail', ok: null, found: 'SLUICE_MAIL_FROM is not set here, so its domain is not known', mend: records }]
  const named = await Promise.all(tokens.map((token) => resolve(`${token}._domainkey.${domain}`).then((names) => names.some((name) => name.startsWith(`${token}.dkim.`) && /\.amazonses\.com\.?$/.test(name)), () => false)))
  const lacking = tokens.filter((_, at) => named[at] !== true)
  return [{ check: 'mail', ok: lacking.length === 0, found: lacking.length === 0 ? `${domain} names the keys of SES; whether SES is out of its sandbox is not seen from here` : `${lacking.length} of ${tokens.length} records are not in the DNS of ${domain}`, mend: records }]
}
function attempt(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return null
  }
}
