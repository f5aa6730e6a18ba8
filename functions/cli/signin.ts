import { createHash, randomBytes } from 'node:crypto'
import * as z from 'zod'
import { exit, Stop } from './terminal.ts'
import { visible } from './visible.ts'

const json = z.record(z.string(), z.unknown())
const resourceMetadata = z.looseObject({ resource: z.string(), authorization_servers: z.array(z.string()).min(1) })
const serverMetadata = z.looseObject({
  issuer: z.string(), authorization_endpoint: z.string(), token_endpoint: z.string(), authorization_response_iss_parameter_supported: z.boolean().optional(),
})
const tokenAnswer = z.looseObject({ access_token: z.string().min(1), token_type: z.string().regex(/^bearer$/i), expires_in: z.number().positive().optional() })
export type Server = z.infer<typeof serverMetadata>

/** The gate's word for itself and the issuers it takes tokens from (RFC 9728). */
export async function readResource(gate: string): Promise<{ readonly resource: string; readonly issuers: readonly string[] }> {
  const read = resourceMetadata.safeParse(await get(`${gate}/.well-known/oauth-protected-resource`))
  if (!read.success) throw new Stop(exit.failed, `${gate} does not say who issues its tokens; is SLUICE_URL a gate?`)
  // Section 3.3: whoever names another resource could have us fetch a token for that one.
  if (read.data.resource.replace(/\/$/, '') !== gate) throw new Stop(exit.failed, `${gate} says it is \`${read.data.resource}\`; set SLUICE_URL to that, if you trust it`)
  return { resource: read.data.resource, issuers: read.data.authorization_servers }
}

/** An issuer's endpoints (OpenID Connect Discovery, else RFC 8414). */
export async function readServer(issuer: string): Promise<Server> {
  const url = safe(issuer, 'the issuer')
  const path = url.pathname.replace(/\/$/, '')
  for (const place of [`${url.origin}${path}/.well-known/openid-configuration`, `${url.origin}/.well-known/oauth-authorization-server${path}`]) {
    const read = serverMetadata.safeParse(await get(place).catch(() => null))
    if (!read.success || read.data.issuer !== issuer) continue
    safe(read.data.authorization_endpoint, 'its authorization endpoint')
    safe(read.data.token_endpoint, 'its token endpoint')
    return read.data
  }
  throw new Stop(exit.failed, `the issuer \`${issuer}\` publishes no usable metadata`)
}

export interface Ask { readonly client: string; readonly redirect: string; readonly resource: string; readonly scope: string; readonly audience: string | undefined }
export interface Asked { readonly url: string; readonly state: string; readonly verifier: string }

/** The page to open: authorization code with PKCE (RFC 7636), for this resource (RFC 8707). */
export function authorization(server: Server, ask: Ask): Asked {
  const state = randomBytes(32).toString('base64url')
  const verifier = randomBytes(32).toString('base64url')
  const url = new URL(server.authorization_endpoint)
  const parameters = {
    response_type: 'code', client_id: ask.client, redirect_uri: ask.redirect, scope: ask.scope, resource: ask.resource, state,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256', ...(ask.audience ? { audience: ask.audience } : {}),
  }
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
  return { url: url.href, state, verifier }
}

/** Turns what came back on the loopback listener into a token; `now` in epoch ms. */
export async function redeem(server: Server, ask: Ask, asked: Asked, answer: URLSearchParams, now: number): Promise<{ readonly token: string; readonly expiresAt: number }> {
  // Another issuer's answer, mixed in, would have us hand its code to this one (RFC 9207).
  const issuer = answer.get('iss')
  if (issuer !== null ? issuer !== server.issuer : server.authorization_response_iss_parameter_supported) throw new Stop(exit.failed, 'the answer came from another issuer than was asked')
  const error = answer.get('error')
  if (error !== null) throw new Stop(exit.denied, `the issuer refused: ${visible(answer.get('error_description') ?? error)}`)
  const code = answer.get('code')
  if (code === null) throw new Stop(exit.failed, 'the answer carries no code')
  const body = new URLSearchParams({ grant_type: 'authorization_code', code, redirect_uri: ask.redirect, client_id: ask.client, code_verifier: asked.verifier, resource: ask.resource })
  const response = await fetch(server.token_endpoint, { method: 'POST', body, redirect: 'error', signal: AbortSignal.timeout(10_000), headers: { accept: 'application/json' } })
    .catch(() => { throw new Stop(exit.failed, `${server.token_endpoint} does not answer`) })
  const text = json.safeParse(await response.json().catch(() => null))
  const read = tokenAnswer.safeParse(text.success ? text.data : null)
  if (!response.ok || !read.success) throw new Stop(exit.failed, `the issuer gave no token: ${visible(String((text.success && (text.data['error_description'] ?? text.data['error'])) || response.status))}`)
  return { token: read.data.access_token, expiresAt: now + (read.data.expires_in ?? 300) * 1000 }
}

async function get(url: string): Promise<unknown> {
  const response = await fetch(safe(url, 'the address'), { redirect: 'error', signal: AbortSignal.timeout(10_000), headers: { accept: 'application/json' } })
    .catch(() => { throw new Stop(exit.failed, `${url} does not answer`) })
  if (!response.ok) throw new Stop(exit.failed, `${url} answers ${response.status}`)
  return response.json().catch(() => null)
}

/** https, or this machine: a code or a token never travels in clear. */
function safe(text: string, what: string): URL {
  const url = URL.parse(text)
  const loopback = url !== null && url.protocol === 'http:' && ['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname)
  if (!url || (url.protocol !== 'https:' && !loopback)) throw new Stop(exit.failed, `${what} is not https: \`${text}\``)
  return url
}
