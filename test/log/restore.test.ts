import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createStores, type Stores } from '../../functions/aws/ports.ts'
import { createHints } from '../../functions/hint.ts'
import { startDynamo } from '../../functions/local/dynamodb.ts'
import { createObjects } from '../../functions/local/objects.ts'
import type { Log } from '../../functions/ports.ts'
import { publishing } from '../../functions/publish.ts'
import { sealing } from '../../functions/record/content.ts'
import { formatVkey, keyOf } from '../../functions/record/log/note.ts'
import { createSequencer } from '../../functions/sequence.ts'
import type { Event } from '../../schema/event.ts'
import { createConsole } from '../cli/console.ts'
import { intentEvent, outcomeEvent, refusalEvent } from '../contract/ledger.ts'
import { credentials } from '../contract/rig.ts'
import { expectWhole, verifyLog } from '../sequence/world.ts'
import { createMemoryKeys } from '../support/keys.ts'
import { createSigner } from '../support/log.ts'

/**
 * What docs/deploy.md tells an operator to do when a table is lost, on this machine's own store: the tables of the record and of the log lie in a server each, whose files are copied and put back as point-in-time recovery
 * would give them back; the log's objects, which nothing restores, stay as they are. Each look is that of a process that has just come up.
 */
type Part = 'record' | 'log'
const parts: readonly Part[] = ['record', 'log']
const clock = { ms: 0 }
const signer = createSigner()
const keys = createMemoryKeys()
let directory = ''
let alarms: string[] = []
let servers: Record<Part, { readonly stores: ReturnType<typeof createStores>; readonly close: () => Promise<void> }>
let log: Log
let kept = 0
let stored: Event[] = []

async function open(part: Part) {
  const dynamo = await startDynamo({ directory: join(directory, part), credentials, now: () => clock.ms })
  const stores = createStores({ region: 'eu-west-1', endpoint: dynamo.url, credentials }, () => clock.ms)
  return { stores, close: async () => { stores.close(); await dynamo.close() } }
}
function wire(): void {
  const objects = createObjects(join(directory, 'objects'))
  log = { signer, objects, store: publishing(objects, servers.log.stores.logStore) }
}
/** The files of a table, as they are now. */
async function copy(part: Part): Promise<string> {
  await servers[part].close()
  const to = join(directory, `${part}-${++kept}`)
  cpSync(join(directory, part), to, { recursive: true })
  servers[part] = await open(part)
  wire()
  return to
}
async function putBack(part: Part, from: string | null): Promise<void> {
  await servers[part].close()
  rmSync(join(directory, part), { recursive: true })
  if (from !== null) cpSync(from, join(directory, part), { recursive: true })
  servers[part] = await open(part)
  if (from === null) await servers[part].stores.createTables()
  wire()
}
const ids = (): Pick<Stores, 'now' | 'id'> => servers.record.stores
/** The record's content lies under keys that are in no backup. */
const sealed = () => sealing(servers.record.stores, keys, () => clock.ms).ledger
async function append(event: Event): Promise<Event> {
  await sealed().append(event)
  stored.push(event)
  return event
}
async function add(count: number): Promise<readonly Event[]> {
  const events: Event[] = []
  for (let i = 0; i < count; i++) { clock.ms += 5; events.push(await append(refusalEvent(ids()))) }
  return events
}
const look = () => createSequencer({ now: () => clock.ms, ledger: servers.record.stores.ledger, alarm: (what) => { alarms.push(what) }, log }, createHints()).reconcile()
/** What a witness elsewhere remembers. */
async function witness(): Promise<string> {
  const file = join(directory, `acme-${++kept}.state`)
  writeFileSync(file, (await log.store.published())?.checkpoint ?? '')
  return file
}
/** `sluice audit verify` over a copy of the bucket, against what the witness remembers. */
async function prove(state: string) {
  const { code, err } = await createConsole().sluice(['audit', 'verify', join(directory, 'objects'), '--vkey', formatVkey(keyOf(signer.name, await signer.publicKey())), '--checkpoint', state])
  return [code, err.match(/: (\d+) entries/)?.[1]] as const
}

beforeEach(async () => {
  clock.ms = Date.parse('2026-11-22T09:00:00.000Z')
  directory = mkdtempSync(join(tmpdir(), 'sluice-restore-'));
  [alarms, stored] = [[], []]
  servers = { record: await open('record'), log: await open('log') }
  for (const part of parts) await servers[part].stores.createTables()
  wire()
})
afterEach(async () => {
  for (const part of parts) await servers[part].close()
  rmSync(directory, { recursive: true, force: true })
})

describe('the log\'s table', () => {
  test.each<[string, (older: string) => string | null, string]>([
    ['put back to an earlier moment', (older) => older, 'the log went back'],
    ['made anew, empty', () => null, 'the head of the log is gone'],
  ])('%s: an alarm and no signature, while the record goes on; put back to what it was last, the log goes on and the witness\'s checkpoint is in it', async (_, from, alarm) => {
    await add(40)
    await look()
    const older = await copy('log')
    await add(30)
    await look()
    const [newest, state] = [await copy('log'), await witness()]
    await putBack('log', from(older))
    await add(5)
    for (let attempt = 0; attempt < 3; attempt++) await expect(look()).rejects.toMatchObject({ code: 'internal' })
    expect(new Set(alarms)).toEqual(new Set([alarm]))
    expect(await prove(state)).toEqual([0, '70'])
    alarms = []
    await putBack('log', newest)
    expect([await look(), alarms]).toEqual([5, []])
    expectWhole(await verifyLog(log), stored)
    expect(await prove(state)).toEqual([0, '75'])
  })
})

describe('the record\'s table put back to an earlier moment', () => {
  test('the log goes on over what it had, and what the record lost is in it', async () => {
    await add(40)
    await look()
    const older = await copy('record')
    const lost = await add(30)
    await look()
    const state = await witness()
    await putBack('record', older)
    expect(await servers.record.stores.ledger.get(lost[0]!.id)).toBeNull()
    await add(5)
    expect([await look(), alarms]).toEqual([5, []])
    expectWhole(await verifyLog(log), stored)
    expect(await prove(state)).toEqual([0, '75'])
  })
  test('what was not in the log by then is in neither', async () => {
    await add(40)
    await look()
    const older = await copy('record')
    const [lost] = await add(1)
    await putBack('record', older)
    expect([await look(), alarms]).toEqual([0, []])
    expect((await verifyLog(log)).map(({ id }) => id)).not.toContain(lost!.id)
  })
  test('an outcome that it lost is settled as unknown: the log keeps the true one, and an alarm names it', async () => {
    const intent = intentEvent(ids())
    await append(intent)
    await look()
    const older = await copy('record')
    clock.ms += 1000
    await append(outcomeEvent(ids(), intent))
    await look()
    await add(3)
    await look()
    const state = await witness()
    await putBack('record', older)
    clock.ms += 300_000
    await sealed().append(outcomeEvent(ids(), intent, 'sweeper'))
    expect(await look()).toBe(0)
    expect(alarms).toEqual(['the log has something else in the place of an event'])
    expectWhole(await verifyLog(log), stored)
    expect(await prove(state)).toEqual([0, '5'])
  })
})
