import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { SignJWT } from 'jose'
import * as z from 'zod'
import { clients } from './discovery.ts'
import type { IdentityKey } from './key.ts'
import { answer, OutOfBounds, readBody } from './rim.ts'

const subject = z.string().regex(/^(user|agent):\S{1,250}$/, 'a subject is `user:…` or `agent:…`')
const groups = z.array(z.string().min(1).max(250)).max(200)
interface Actor { readonly subject: string; readonly groups?: readonly string[] | undefined; readonly actor?: Actor | undefined }
const actor: z.ZodType<Actor> = z.strictObject({ subject, groups: groups.optional(), actor: z.lazy(() => actor).optional() })
const claimName = z.string().min(1).refine((name) => !reserved.has(name), 'this claim is made by the provider')
const reserved = new Set(['iss', 'sub', 'aud', 'exp', 'iat', 'nbf', 'jti', 'act', 'groups'])

/** Body of `POST /dev/token`. `ttl`: a number and `s`, `m` or `h`, at most 24 h; without it 15 minutes. */
const request = z.strictObject({
  subject, groups: groups.optional(), actor: z.union([subject.transform((name): Actor => ({ subject: name })), actor]).optional(),
  ttl: z.string().regex(/^[1-9][0-9]{0,5}[smh]$/, 'a ttl is a number and `s`, `m` or `h`').optional(), claims: z.record(claimName, z.json()).optional(),
})
const defaultTtlSeconds = 900
const maxTtlSeconds = 24 * 3600
/** What the gate takes at most: a longer one would only be refused there with fewer words. */
const maxTokenBytes = 8 * 1024

interface Mint { readonly key: IdentityKey; readonly issuer: { readonly issuer: string; readonly audience: string }; readonly now: () => number }

/** Signs an access token (RFC 9068) for whatever subject it is asked for. Answers `{access_token, token_type, expires_in}`. */
export async function mintToken(req: IncomingMessage, res: ServerResponse, { key, issuer, now }: Mint): Promise<void> {
  if (req.method !== 'POST') throw new OutOfBounds(405, '/dev/token takes POST')
  const wanted = readRequest(await readBody(req, 'application/json'))
  const ttl = wanted.ttl === undefined ? defaultTtlSeconds : seconds(wanted.ttl)
  if (ttl > maxTtlSeconds) throw new OutOfBounds(400, 'a ttl is at most 24h')
  const iat = Math.floor(now() / 1000)
  const token = await new SignJWT({ client_id: clients.cli, ...wanted.claims, groups: wanted.groups ?? [], ...(wanted.actor ? { act: act(wanted.actor) } : {}) })
    .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: key.kid })
    .setIssuer(issuer.issuer).setAudience(issuer.audience).setSubject(wanted.subject).setIssuedAt(iat).setExpirationTime(iat + ttl).setJti(randomUUID())
    .sign(key.signer)
  if (token.length > maxTokenBytes) throw new OutOfBounds(400, 'the token would be over 8 KB, which the gate refuses')
  answer(res, 200, { access_token: token, token_type: 'Bearer', expires_in: ttl })
}

function readRequest(body: string): z.infer<typeof request> {
  let value: unknown
  try {
    value = JSON.parse(body)
  } catch {
    throw new OutOfBounds(400, 'the body is not json')
  }
  const read = request.safeParse(value)
  if (read.success) return read.data
  const issue = read.error.issues[0]
  throw new OutOfBounds(400, `${issue?.path.join('.') || 'the body'}: ${issue?.message ?? 'invalid'}`)
}

const act = ({ subject: sub, groups: list, actor: further }: Actor): object => ({ sub, ...(list ? { groups: list } : {}), ...(further ? { act: act(further) } : {}) })
const seconds = (ttl: string): number => Number(ttl.slice(0, -1)) * (ttl.endsWith('h') ? 3600 : ttl.endsWith('m') ? 60 : 1)
