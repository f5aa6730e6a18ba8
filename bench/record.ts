import { fork } from 'node:child_process'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { itemOf } from '../functions/aws/event.ts'
import { createStores } from '../functions/aws/ports.ts'
import { signedDynamo } from '../functions/aws/signed.ts'
import { numbered } from '../functions/numbering.ts'
import { contentKey, seal } from '../functions/record/cipher.ts'
import { sealing } from '../functions/record/content.ts'
import { split } from '../schema/content.ts'
import type { Event, Id, IntentEvent, OutcomeEvent } from '../schema/event.ts'
import { outcomeId, tables } from '../schema/item.ts'
import { message } from './load.ts'

/**
 * `node bench/record.ts [--json]`: what the two durable writes of a read cost where nothing else runs, CPU µs of this process for both, lowest of the interleaved rounds, 16 at once, each read in a session of its own. The server
 * answers at once, in another process. Beside them as many raw signed PutItem requests by the same transport, in three ways: of 500 bytes that mean nothing; of what a logger by hand would write, the same two
 * events in clear as one attribute of JSON under their key, neither sealed nor numbered nor found by a filter, which is what the record is measured against, for it says as much; and of 1500 bytes, about what the record's
 * items have, to tell bytes from work. Nothing is padded. Then the record's work bit by bit: items of its bytes with nothing sealed, which is what any record of that length costs; those sealed under one key; and all of it.
 * In a gate the same work costs more than here, the raw requests' too, because caches are cold after each answer of the target: bench/run.ts measures it there.
 */
const rounds = Number(process.env['ROUNDS'] ?? 12)
const count = Number(process.env['COUNT'] ?? 600)
const warmUps = 6
const atOnce = 16

function answer(): void {
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.writeHead(200, { 'content-type': 'application/x-amz-json-1.0', 'content-length': 2 }).end('{}'))
  })
  server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))
  process.on('disconnect', () => process.exit(0))
}

async function measure(): Promise<void> {
  const child = fork(import.meta.filename, ['answer'])
  const { port } = await message<{ port: number }>(child)
  const place = { region: 'eu-central-1', endpoint: `http://127.0.0.1:${port}`, credentials: { accessKeyId: 'bench', secretAccessKey: 'bench' } }
  const sides = sidesOf(place)
  const raw: Record<string, number[]> = {}
  for (let round = 1 - warmUps; round <= rounds; round++) for (const [name, run] of Object.entries(sides)) {
    const before = process.cpuUsage()
    let left = count
    await Promise.all(Array.from({ length: atOnce }, async () => { while (left-- > 0) await run() }))
    const { user, system } = process.cpuUsage(before)
    if (round > 0) (raw[name] ??= []).push((user + system) / count)
  }
  child.disconnect()
  const lowest = Object.fromEntries(Object.entries(raw).map(([name, all]) => [name, Math.min(...all)]))
  if (process.argv.includes('--json')) console.log(JSON.stringify({ lowest, raw }))
  else {
    const base = lowest['two raw PutItem of the events in clear'] ?? Number.NaN
    console.log(`CPU µs for the two writes of a read, lowest of ${rounds} rounds of ${count}, Node ${process.version}`)
    for (const [name, value] of Object.entries(lowest)) console.log(`  ${name.padEnd(48)} ${value.toFixed(0).padStart(6)} ${(value / base).toFixed(2).padStart(7)}`)
  }
  process.exit(0)
}

function sidesOf(place: Parameters<typeof createStores>[0]): Readonly<Record<string, () => Promise<unknown>>> {
  const stores = createStores(place)
  const counted = numbered(stores, { ...stores, alarm: () => undefined })
  const { ledger } = sealing(counted, stores.keys, stores.now)
  const put = signedDynamo({ ...place, now: Date.now })
  const one = (item: object) => put('PutItem', { TableName: tables.audit.name, Item: item, ConditionExpression: 'attribute_not_exists(pk)' })
  const filled = async (bytes: number) => { for (let n = 0; n < 2; n++) await one({ pk: { S: stores.id('evt') }, body: { S: 'x'.repeat(bytes) } }) }
  const key = contentKey('2026-11-22.sKRGRwtG9LsklUYS.0', Buffer.alloc(32, 7))
  const sealed = ({ id, ...event }: Event, content: NonNullable<Event['content']>) => {
    const stored = { id, ...event, content, writer: { id, n: 12_345 } } as Event
    return put('PutItem', { TableName: tables.audit.name, Item: itemOf(stored, JSON.stringify(stored)), ConditionExpression: 'attribute_not_exists(pk)', ReturnValuesOnConditionCheckFailure: 'ALL_OLD' })
  }
  const lengths = eventsOfRead(stores.id).map((event) => sealedOf(key, event).text?.length ?? 0)
  const record = async () => {
    const [intent, outcome] = eventsOfRead(stores.id)
    await ledger.append(intent)
    await ledger.append(outcome)
    return intent.evaluation
  }
  return {
    'two raw PutItem of 500 bytes': () => filled(500),
    'two raw PutItem of 1500 bytes': () => filled(1500),
    'two raw PutItem of the events in clear': async () => { for (const event of eventsOfRead(stores.id)) await one({ pk: { S: event.at.slice(0, 10) }, sk: { S: event.id }, event: { S: JSON.stringify(event) } }) },
    'two of the record\'s length, nothing sealed': async () => { for (const [n, event] of eventsOfRead(stores.id).entries()) await sealed(split(event).open, { key: key.id, commitment: 'c'.repeat(64), text: 'x'.repeat(lengths[n] ?? 0) }) },
    'the same, sealed under one key': async () => { for (const event of eventsOfRead(stores.id)) await sealed(split(event).open, sealedOf(key, event)) },
    'the record': record,
    'the record and its promise': async () => counted.promise(await record()),
  }
}

function sealedOf(key: Parameters<typeof seal>[0], event: Event): NonNullable<Event['content']> {
  const { open, content } = split(event)
  const made = content === null ? undefined : seal(key, open, content).content
  if (made === undefined) throw new Error('an event without content')
  return made
}
/** What the gate writes of a read of one row by its key, as bench/run.ts asks for it. */
function eventsOfRead(id: ReturnType<typeof createStores>['id']): readonly [IntentEvent, OutcomeEvent] {
  const [intent, at, text] = [id('evt'), new Date().toISOString(), JSON.stringify([answered])]
  const about: Pick<Event, 'at' | 'evaluation' | 'session' | 'who' | 'connection' | 'policy'> & { evaluation: Id<'eval'> } = {
    at, evaluation: id('eval'), session: id('ses'), connection: 'shop', policy: 'b'.repeat(64),
    who: { issuer: 'http://127.0.0.1:8787/dev/oidc', subject: 'agent:bench', actors: [], groups: ['readers'], roles: ['reader'] },
  }
  return [
    { id: intent, ...about, kind: 'intent', statements: [{ sql: 'select id, customer_id, status, total, placed_at from public.orders where id = $1', params: [17] }], purpose: null,
      accesses: [{ action: 'select', resource: 'public.orders', columns: ['customer_id', 'id', 'placed_at', 'status', 'total'] }], rules: ['role.reader#0'], masks: {}, revealed: [], deadline: at, settleBy: at },
    { id: outcomeId(intent), ...about, kind: 'outcome', intent, status: 'succeeded', rowCounts: [1], truncated: false, refusal: null, durationMs: 3, by: 'gate', result: { bytes: text.length, sha256: 'c'.repeat(64), text } },
  ]
}
const answered = {
  columns: [['id', 'int4'], ['customer_id', 'int4'], ['status', 'text'], ['total', 'numeric'], ['placed_at', 'timestamptz']].map(([name, type]) => ({ name, type })),
  rows: [{ id: 17, customer_id: 17, status: 'paid', total: '21.25', placed_at: '2026-01-01T00:17:00.000Z' }], rowCount: 1, truncated: false,
}

if (process.argv[2] === 'answer') answer()
else await measure()
