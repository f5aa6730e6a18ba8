import { createHash } from 'node:crypto'
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
  /** `seen`: what a look gave for the run, hidden from whoever carries it (Seen). */
  | { readonly op: 'execute'; readonly connection: ConnectionDocument; readonly query: Query; readonly roles?: readonly string[]; readonly seen?: string; readonly effects: string; readonly obligations: Obligations; readonly run: Omit<Run, 'cut' | 'heard'> }
  | { readonly op: 'describe' | 'ping'; readonly connection: ConnectionDocument }
  | { readonly op: 'inspect'; readonly connection: ConnectionDocument; readonly names: readonly PolicyName[] }
  | { readonly op: 'grants'; readonly connection: ConnectionDocument; readonly rules: readonly Ruled[] }
export type Answer = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly code: Fault['code']; readonly message: string }

/** A plan as it travels: `held` is what its preview gives, which of SQL is only ever a refusal. */
export interface CarriedPlan extends Pick<Plan, 'effects' | 'fails' | 'told' | 'diff' | 'wants'> { readonly held?: Refusal }
/** What is decided on after a look: hidden on its way, and the gate's to read, for an object may be what a rule looks at. */
export interface Looked extends Pick<Plan, 'effects' | 'fails' | 'told' | 'diff'> {}
/** An answer to a look. `seen`: what its plan was made from (Plan.seed), an object of a cluster as it is: hidden by a key that only the private network has, for this connection, query and roles alone. */
export interface Seen { readonly looked: string; readonly seen: string }
/** Rows travel masked: none in clear leave the private network. `heard`: what a command wrote, in base64, for the record. */
export type CarriedOutcome = Exclude<Executed, { status: 'succeeded' }> & { readonly heard?: Heard } | { readonly status: 'succeeded'; readonly results: readonly MaskedResult[]; readonly rowCounts: readonly number[]; readonly truncated: boolean; readonly answer?: CarriedAnswer; readonly heard?: Heard }
export type Heard = readonly (readonly [stream: 'stdout' | 'stderr', base64: string])[]
/** An answer in the target's own protocol, masked, or a piece of one that lasts; `end`: of a piece. `listed`: how many objects, where they count. */
export interface CarriedAnswer { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly audit: string | null; readonly body: string; readonly listed?: number; readonly end?: Pick<StreamEnd, 'items' | 'how' | 'detected' | 'next'> }

/** What an answer of Lambda carries, base64, with room for what is beside the values: `limits.bytes` of a private target are at most this. */
export const mostBytes = 4 * 1024 * 1024
/** Of what a look was: its connection, query and roles, as text that is the same at both ends. (Not canonical JSON, which refuses what is nested deep.) */
export const aboutOf = ({ connection, query, roles = [] }: { readonly connection: ConnectionDocument; readonly query: Query; readonly roles?: readonly string[] }): string => JSON.stringify(JSON.parse(JSON.stringify([connection, query, roles])))
export const digestOf = (effects: Effects): string => createHash('sha256').update(canonicalJson(effects)).digest('hex')

export const pack = (answer: Answer): string => gzipSync(JSON.stringify(answer)).toString('base64')
/** Throws for what is no answer. */
export function unpack(body: string): Answer {
  const packed: unknown = JSON.parse(body)
  if (typeof packed !== 'string') throw new SyntaxError('no answer of the engines')
  return JSON.parse(gunzipSync(Buffer.from(packed, 'base64')).toString('utf8')) as Answer
}
