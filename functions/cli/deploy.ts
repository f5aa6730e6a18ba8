import { readFile } from 'node:fs/promises'
import type { Fetch } from './client.ts'
import { parse, type Command } from './command.ts'
import { object, printJson, text } from './output.ts'
import { exit, Stop, type Terminal } from './terminal.ts'
import { visible } from './visible.ts'

/** One thing a deployment must do. `ok` null: it could not be looked at, and is not said to be well. `mend`: what to do about it. */
interface Finding { readonly check: string; readonly ok: boolean | null; readonly found: string; readonly mend?: string }
interface Place { readonly gate: string; readonly console: string | null; readonly token: string | null }
interface Answer { readonly status: number; readonly headers: Headers; readonly body: string }
type Get = (url: string, headers?: Readonly<Record<string, string>>) => Promise<Answer>

const usage = 'sluice deploy-check [URL] [--console URL] [--outputs FILE] [--json]'
export const deployCheck = (fetch: Fetch): Command => ({
  summary: 'looks at a deployed gate as its users will, and says what is missing',
  help: `${usage}

  sluice deploy-check                                  what \`sst deploy\` wrote into .sst/outputs.json
  sluice deploy-check https://sluice.acme.dev --console https://console.sluice.acme.dev

Needs no token: what a caller without one is told is part of what is checked. With SLUICE_TOKEN, of somebody who may read the audit, the log is looked at too.
Exit code 1 when something is not as it must be, or could not be looked at.`,
  run: async (args, { terminal }) => {
    const { values, positionals: [url] } = parse(args, { json: { type: 'boolean' }, console: { type: 'string' }, outputs: { type: 'string' } }, [0, 1], usage)
    const place = await placeOf(terminal, url ?? null, values.console ?? null, values.outputs ?? null)
    const get = getter(fetch)
    const findings: Finding[] = []
    for (const check of checks) findings.push(...await check(place, get))
    if (values.json) printJson(terminal, { gate: place.gate, console: place.console, findings })
    else for (const { check, ok, found, mend } of findings) terminal.out(`${ok === null ? '?   ' : ok ? 'ok  ' : 'FAIL'} ${check}: ${visible(found)}${ok !== true && mend ? `\n     ${visible(mend)}` : ''}\n`)
    const wrong = findings.filter(({ ok }) => ok === false).length
    const unseen = findings.filter(({ ok }) => ok === null).length
    terminal.err(wrong + unseen === 0 ? 'everything looked at is as it must be\n' : `${wrong} not as it must be, ${unseen} not looked at\n`)
    return wrong > 0 || unseen > 0 ? exit.failed : exit.done
  },
})

async function placeOf({ env }: Terminal, url: string | null, console: string | null, outputs: string | null): Promise<Place> {
  const token = env['SLUICE_TOKEN'] || null
  if (url !== null) return { gate: address(url), console: console === null ? null : address(console), token }
  const file = outputs ?? '.sst/outputs.json'
  const read = await readFile(file, 'utf8').then((json) => object(JSON.parse(json) as unknown), () => null)
  if (read === null) throw new Stop(exit.invalid, `${file} cannot be read; name the gate, or run this where \`sst deploy\` ran`)
  return { gate: address(text(read['gate'])), console: console ?? (read['console'] === undefined ? null : address(text(read['console']))), token }
}
function address(given: string): string {
  const url = URL.parse(given)
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) throw new Stop(exit.invalid, `\`${given}\` is no address`)
  return url.origin
}

const getter = (fetch: Fetch): Get => async (url, headers = {}) => {
  try {
    const response = await fetch(url, { headers: { ...headers }, redirect: 'manual', signal: AbortSignal.timeout(15_000) })
    return { status: response.status, headers: response.headers, body: await response.text() }
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
    return { status: 0, headers: new Headers(), body: cause instanceof Error ? cause.message : 'no answer' }
  }
}
const said = ({ status, body }: Answer): string => status === 0 ? `no answer (${body})` : `it answered ${status}`

const checks: readonly ((place: Place, get: Get) => Promise<readonly Finding[]>)[] = [
  async ({ gate, console }) => [gate, console].filter((url) => url !== null).map((url) => ({ check: 'https', ok: url.startsWith('https://'), found: url, mend: 'tokens travel in clear: put CloudFront in front (infra/edge.ts)' })),
  async ({ gate }, get) => {
    const alive = await get(`${gate}/healthz`)
    const ready = await get(`${gate}/readyz`)
    return [
      { check: 'alive', ok: alive.status === 200, found: alive.status === 200 ? `${gate}/healthz` : said(alive), mend: 'a 403 without a body is the edge: the functions and CloudFront have different keys, deploy again; no answer: does the name lead to CloudFront?' },
      { check: 'ready', ok: ready.status === 200, found: ready.status === 200 ? 'it can decide, execute and record' : said(ready), mend: 'is there a policy (`sluice policy apply DIR --bootstrap`), has each target\'s secret a value, do the targets answer? the function\'s log says which' },
    ]
  },
  async ({ gate }, get) => {
    const [without, garbage] = [await get(`${gate}/v1/me`), await get(`${gate}/v1/me`, { authorization: 'Bearer garbage' })]
    const challenge = without.headers.get('www-authenticate') ?? ''
    const renamed = without.headers.get('x-amzn-remapped-www-authenticate')
    return [
      { check: 'challenge', ok: without.status === 401 && challenge.includes(`resource_metadata="${gate}/.well-known/oauth-protected-resource"`), found: renamed ? 'it arrives under another name' : challenge || said(without),
        mend: renamed ? 'CloudFront does not give it back its name: is the function `challenge` attached to every behaviour?' : 'SLUICE_PUBLIC_URL must be the address agents use, and no proxy may take headers away' },
      { check: 'invalid token', ok: garbage.status === 401 && (garbage.headers.get('www-authenticate') ?? '').includes('error="invalid_token"'), found: said(garbage), mend: 'something before the gate answers in its place' },
      { check: 'not cached', ok: without.headers.get('cache-control') === 'no-store', found: without.headers.get('cache-control') ?? 'no cache-control', mend: 'an answer kept by a cache is given to the wrong caller' },
    ]
  },
  async ({ gate }, get) => {
    const metadata = await get(`${gate}/.well-known/oauth-protected-resource`)
    const { resource, authorization_servers: servers } = object(metadata.status === 200 ? attempt(metadata.body) : null)
    const named = Array.isArray(servers) ? servers.map(text) : []
    return [{ check: 'issuers', ok: resource === gate && named.length > 0 && named.every((one) => one.startsWith('https://')), found: metadata.status === 200 ? `${named.length === 0 ? 'none' : named.join(', ')}${resource === gate ? '' : `, for ${text(resource)}`}` : said(metadata),
      mend: 'the policy in force names the issuers, and SLUICE_PUBLIC_URL is the resource' }]
  },
  async ({ gate, console }, get) => {
    if (console === null) return [{ check: 'approvers\' pages', ok: null, found: 'no address is known', mend: 'name it with --console' }]
    const page = await get(`${console}/requests`)
    const policy = page.headers.get('content-security-policy') ?? ''
    return [
      { check: 'approvers\' pages', ok: page.status === 401 && (page.headers.get('content-type') ?? '').startsWith('text/html'), found: page.status === 401 ? 'they ask who one is' : said(page), mend: 'see the function People and its log; has its secret `sluice-console-key` a value?' },
      { check: 'no scripts there', ok: policy.includes("default-src 'none'"), found: policy === '' ? 'no content security policy' : 'none is let in', mend: 'something before the pages takes headers away' },
      { check: 'another origin than agents\'', ok: new URL(console).origin !== new URL(gate).origin, found: console, mend: 'a page and an API of one origin share what a browser keeps' },
    ]
  },
  async ({ gate, token }, get) => {
    if (token === null) return [{ check: 'log', ok: null, found: 'not asked without a token', mend: 'set SLUICE_TOKEN, of somebody who may read the audit' }]
    const headers = { authorization: `Bearer ${token}` }
    const [checkpoint, vkey] = [await get(`${gate}/v1/audit/log/checkpoint`, headers), await get(`${gate}/v1/audit/log/vkey`, headers)]
    const [origin, size] = checkpoint.body.split('\n')
    return [{ check: 'log', ok: checkpoint.status === 200 && vkey.status === 200 && vkey.body.startsWith(`${origin}+`), found: checkpoint.status === 200 ? `${size} entries, signed as ${origin}` : said(checkpoint),
      mend: 'the sequencer writes it: see its function\'s log, and that its schedule is enabled. Then run `sluice audit witness` somewhere else' }]
  },
]
function attempt(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return null
  }
}
