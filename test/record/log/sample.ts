import { createHash, generateKeyPairSync, createPrivateKey, sign as edSign } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createIds } from '../../../functions/aws/ulid.ts'
import { checkpointText } from '../../../functions/record/log/checkpoint.ts'
import { entryOf } from '../../../functions/record/log/entry.ts'
import { append, emptyLog, type LogEdge } from '../../../functions/record/log/grow.ts'
import { formatNote, formatVkey, keyOf, type NoteSigner, sign } from '../../../functions/record/log/note.ts'
import { correctionId, outcomeId } from '../../../schema/item.ts'
import type { Event, Id, Who } from '../../../schema/event.ts'

/** Logs for tests: plausible events, and a directory of them made by the same pure modules that the sequencer uses. */
export interface TestSigner extends NoteSigner { readonly vkey: string }
export function signerOf(name: string, seed?: string): TestSigner {
  const key = seed === undefined ? generateKeyPairSync('ed25519').privateKey : createPrivateKey({
    key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), createHash('sha256').update(seed).digest()]), format: 'der', type: 'pkcs8',
  })
  const publicKey = Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url')
  return { name, vkey: formatVkey(keyOf(name, publicKey)), publicKey: async () => publicKey, sign: async (message) => edSign(null, message, key) }
}
export const origin = 'sluice.example/audit'

/** Deterministic: the same number gives the same events, ids apart. */
export function eventsOf(count: number, startMs = Date.parse('2026-11-22T09:00:00.000Z')): readonly Event[] {
  const clock = { ms: startMs }
  const ids = createIds(() => clock.ms)
  const made: Event[] = []
  const common = (who: Who | null = bot) => {
    clock.ms += 7
    return { id: ids('evt'), at: new Date(clock.ms).toISOString(), evaluation: ids('eval'), session, who, connection: 'shop', policy }
  }
  for (let n = 0; made.length < count; n++) {
    if (n % 10 === 9) made.push({ ...common(), kind: 'refusal', statements: [{ sql: `select * from payroll.salaries -- ${n}`, params: [] }], purpose: null, accesses: [], refusal: { slug: 'denied', reason: 'no_rule', detail: 'no rule', next: 'none' } })
    else if (n % 50 === 4) made.push(...approvedStory(common, ids('arq'), n, clock))
    else made.push(...story(common, n))
  }
  return made.slice(0, count)
}
type CommonOf = (who?: Who | null) => Pick<Event, 'id' | 'at' | 'evaluation' | 'session' | 'who' | 'connection' | 'policy'>
/** As long as those the gate makes. */
const session = 'ses_01KAX0Q4M09TV70JA6C5PHEQE0rwwG5GDNPx0GKAzfPLBRAA0ihBo28lAj87XBmVroGbE' as const
const policy = createHash('sha256').update('policy').digest('hex')
export const bot: Who = { issuer: 'local', subject: 'agent:support-bot', actors: [], groups: ['support-agents'], roles: ['support-agents'] }
export const lead = (name: string): Who => ({ issuer: 'local', subject: `user:${name}@acme.dev`, actors: [], groups: ['support-leads'], roles: [] })

function story(common: CommonOf, n: number, request?: { readonly id: Id<'arq'>; readonly sql: string }): Event[] {
  const sql = request?.sql ?? `select id, status, total, placed_at from public.orders where id = $1 /* ${n} */`
  const belongs = request ? { request: request.id } : {}
  const intent: Event = {
    ...common(), ...belongs, kind: 'intent', statements: [{ sql, params: [n] }], purpose: 'support ticket', accesses: [{ action: 'select', resource: 'public.orders', columns: ['id', 'status'] }],
    rules: ['support-agents.rules[0]'], masks: { 'public.customers.email': 'email' }, revealed: [], deadline: '2026-11-22T10:00:00.000Z', settleBy: '2026-11-22T10:01:00.000Z',
  }
  const outcome: Event = { ...common(), ...belongs, id: outcomeId(intent.id), evaluation: intent.evaluation, kind: 'outcome', intent: intent.id, status: n % 17 === 3 ? 'unknown' : 'succeeded', rowCounts: [1], truncated: false, refusal: null, durationMs: 3, by: 'gate' }
  return n % 17 === 3 ? [intent, outcome, { ...outcome, kind: 'correction', status: 'succeeded', id: correctionId(intent.id, 1) }] : [intent, outcome]
}
function approvedStory(common: CommonOf, request: Id<'arq'>, n: number, clock: { readonly ms: number }): Event[] {
  const sql = `insert into public.refunds (order_id) values (${n})`
  const digest = createHash('sha256').update(request).digest('hex')
  const step = (who: Who, kind: 'request' | 'approval', change: Record<string, unknown>): Event => ({ ...common(who), kind, request, change })
  const signedInAt = new Date(clock.ms - 60_000).toISOString()
  return [
    step(bot, 'request', { digest, callKey: digest, demands: [{ by: ['support-leads'], quorum: 2, rule: 'support-agents.rules[1]' }], expiresAt: new Date(clock.ms + 1_800_000).toISOString(), statements: [sql], purpose: 'support ticket', accesses: [{ action: 'select', resource: 'public.orders', columns: ['id', 'status'] }], masks: { 'public.customers.email': 'email' }, revealed: [], owners: ['user:owen@acme.dev'] }),
    ...['ann', 'sofia'].map((name) => step(lead(name), 'approval', { digest, reason: null, signedInAt, status: 'approved' })),
    ...story(common, n, { id: request, sql }),
  ]
}

export interface Written { readonly log: LogEdge; readonly root: Uint8Array; readonly checkpoint: Buffer }
/** Checkpoints of every size in `sizes` are made one after the other, as a sequencer does, partial tiles and all; the last one is published. */
export async function writeLog(directory: string, entries: readonly Uint8Array[], signer: TestSigner, sizes: readonly number[] = [entries.length]): Promise<Written> {
  let [log, root]: [LogEdge, Uint8Array] = [emptyLog, append(emptyLog, []).root]
  for (const size of sizes) {
    const grown = append(log, entries.slice(log.edge.size, size))
    for (const { path, bytes } of grown.tiles) put(directory, path, bytes)
    ;[log, root] = [grown.log, grown.root]
  }
  const checkpoint = await headNote(log.edge.size, root, signer)
  put(directory, 'checkpoint', checkpoint)
  put(directory, 'vkey', Buffer.from(`${signer.vkey}\n`))
  return { log, root, checkpoint }
}
export async function headNote(size: number, root: Uint8Array, signer: TestSigner): Promise<Buffer> {
  const text = checkpointText({ origin: signer.name, size, root, extensions: [] })
  return formatNote({ text, signatures: [await sign(text, signer)] })
}
export const entriesOf = (events: readonly Event[]): readonly Uint8Array[] => events.map(entryOf)
export function put(directory: string, path: string, bytes: Uint8Array): void {
  mkdirSync(dirname(join(directory, path)), { recursive: true })
  writeFileSync(join(directory, path), bytes)
}
