import { createCipheriv, createDecipheriv, createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { gunzipSync, gzipSync } from 'node:zlib'
import { canonicalJson } from '../../schema/bundle.ts'
import type { Effects, Obligations } from '../../schema/effects.ts'
import type { ConnectionDocument } from '../../schema/policy.ts'
import type { Refusal } from '../../schema/refusal.ts'
import type { Query } from '../../schema/request.ts'
import type { Fault } from '../ports.ts'
import type { Executed, MaskedResult, Plan, PolicyName, Ruled, Run, StreamEnd } from './protocol.ts'

/**
 * What the gate says to its engines inside a private network (inside.ts), and what they answer. A decision is made by the gate alone: what is carried is one that was made, with the digest of the effects it was made
 * on, under a key that only gate and engines have. So neither whoever may invoke that function, nor whoever reads what went over the wire, can have a statement of their own run.
 */
export type Errand =
  | { readonly op: 'classify' | 'estimate'; readonly connection: ConnectionDocument; readonly query: Query }
  /** Where an engine's plan has one: its look, made there. The answer is hidden. */
  | { readonly op: 'preview'; readonly connection: ConnectionDocument; readonly query: Query; readonly roles: readonly string[] }
  /** `seen`: what a look gave, hidden as it came. */
  | { readonly op: 'execute'; readonly connection: ConnectionDocument; readonly query: Query; readonly roles?: readonly string[]; readonly seen?: string; readonly effects: string; readonly obligations: Obligations; readonly run: Omit<Run, 'cut' | 'heard'> }
  | { readonly op: 'describe' | 'ping'; readonly connection: ConnectionDocument }
  | { readonly op: 'inspect'; readonly connection: ConnectionDocument; readonly names: readonly PolicyName[] }
  | { readonly op: 'grants'; readonly connection: ConnectionDocument; readonly rules: readonly Ruled[] }
export type Answer = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly code: Fault['code']; readonly message: string }

/** A plan as it travels: `held` is what its preview gives, which of SQL is only ever a refusal. */
export interface CarriedPlan extends Pick<Plan, 'effects' | 'fails' | 'told' | 'diff' | 'wants'> { readonly held?: Refusal }
/** With what it was made from (Plan.seed): an object of a cluster may be in it as it is, so it is hidden from whoever carries it. */
export interface Looked extends Pick<Plan, 'effects' | 'fails' | 'told' | 'diff' | 'seed'> {}
/** Rows travel masked: none in clear leave the private network. `heard`: what a command wrote, in base64, for the record. */
export type CarriedOutcome = Exclude<Executed, { status: 'succeeded' }> & { readonly heard?: Heard } | { readonly status: 'succeeded'; readonly results: readonly MaskedResult[]; readonly rowCounts: readonly number[]; readonly truncated: boolean; readonly answer?: CarriedAnswer; readonly heard?: Heard }
export type Heard = readonly (readonly [stream: 'stdout' | 'stderr', base64: string])[]
/** An answer in the target's own protocol, masked, or a piece of one that lasts; `end`: of a piece. `listed`: how many objects, where they count. */
export interface CarriedAnswer { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly audit: string | null; readonly body: string; readonly listed?: number; readonly end?: Pick<StreamEnd, 'items' | 'how' | 'detected' | 'next'> }

/** What an answer of Lambda carries, base64, with room for what is beside the values: `limits.bytes` of a private target are at most this. */
export const mostBytes = 4 * 1024 * 1024
/** An errand is good for this long, ms, by both clocks. */
const freshMs = 60_000

export const digestOf = (effects: Effects): string => createHash('sha256').update(canonicalJson(effects)).digest('hex')

const macOf = (key: string, text: string): Buffer => createHmac('sha256', key).update(text).digest()
export function seal(key: string, errand: Errand, at: number): string {
  const text = JSON.stringify({ at, errand })
  return JSON.stringify({ text, mac: macOf(key, text).toString('base64') })
}
/** null: not from the gate, or too old. */
export function unseal(key: string, sealed: unknown, now: number): Errand | null {
  const { text, mac } = (typeof sealed === 'object' && sealed !== null ? sealed : {}) as { readonly text?: unknown; readonly mac?: unknown }
  if (typeof text !== 'string' || typeof mac !== 'string' || key === '') return null
  const [own, theirs] = [macOf(key, text), Buffer.from(mac, 'base64')]
  if (own.length !== theirs.length || !timingSafeEqual(own, theirs)) return null
  const { at, errand } = JSON.parse(text) as { readonly at: number; readonly errand: Errand }
  return Math.abs(now - at) <= freshMs ? errand : null
}

export const pack = (answer: Answer): string => gzipSync(JSON.stringify(answer)).toString('base64')
/** Throws for what is no answer. */
export function unpack(body: string): Answer {
  const packed: unknown = JSON.parse(body)
  if (typeof packed !== 'string') throw new SyntaxError('no answer of the engines')
  return JSON.parse(gunzipSync(Buffer.from(packed, 'base64')).toString('utf8')) as Answer
}

const hiding = (key: string): Buffer => createHmac('sha256', key).update('what a look before a write saw').digest()
/** AES-256-GCM under a key of its own. What is hidden twice is not the same. */
export function hide(key: string, value: unknown): string {
  const iv = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', hiding(key), iv)
  const text = Buffer.concat([cipher.update(gzipSync(JSON.stringify(value))), cipher.final()])
  return Buffer.concat([iv, cipher.getAuthTag(), text]).toString('base64')
}
/** Throws for what nobody with the key hid. */
export function uncover(key: string, hidden: string): unknown {
  const bytes = Buffer.from(hidden, 'base64')
  const decipher = createDecipheriv('aes-256-gcm', hiding(key), bytes.subarray(0, 12), { authTagLength: 16 })
  decipher.setAuthTag(bytes.subarray(12, 28))
  return JSON.parse(gunzipSync(Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()])).toString('utf8'))
}
