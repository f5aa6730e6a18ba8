import { fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createStores } from '../../functions/aws/ports.ts'
import { startDynamo } from '../../functions/local/dynamodb.ts'
import { createObjects } from '../../functions/local/objects.ts'
import { keepSigner } from '../../functions/local/signer.ts'
import { publishing } from '../../functions/publish.ts'
import { sealing } from '../../functions/record/content.ts'
import type { Event } from '../../schema/event.ts'
import { intentEvent, outcomeEvent, refusalEvent } from '../contract/ledger.ts'
import { expectWhole, verifyLog } from '../sequence/world.ts'

/**
 * Sequencers killed with SIGKILL at every boundary of a commit, and at moments nobody chose, alone and beside another, on a real store and a real disk. After each the checkpoint that is
 * published must verify; in the end every event is in the log once.
 */
const name = 'sluice.test/crash'
const credentials = { accessKeyId: 'test', secretAccessKey: randomBytes(16).toString('hex') }
let directory: string
let dynamo: Awaited<ReturnType<typeof startDynamo>>
let stores: ReturnType<typeof createStores>
const stored: Event[] = []
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-crash-'))
  dynamo = await startDynamo({ directory: null, credentials })
  const raw = createStores({ region: 'local', endpoint: dynamo.url, credentials })
  stores = sealing(raw, raw.keys, raw.now)
  await stores.createTables()
})
afterAll(async () => { stores.close(); await dynamo.close(); rmSync(directory, { recursive: true, force: true }) })

interface Died { readonly killAt: number; readonly signal: string | null; readonly output: string }
function once(killAt: number, afterMs: number | null): Promise<Died> {
  const child = fork(join(import.meta.dirname, 'sequencer.child.ts'), [JSON.stringify({ dynamo: { url: dynamo.url, credentials }, directory, name, killAt })], { silent: true, execArgv: [] })
  let output = ''
  child.stdout?.on('data', (chunk: Buffer) => { output += chunk.toString() })
  child.stderr?.on('data', (chunk: Buffer) => { output += chunk.toString() })
  child.on('message', () => { if (afterMs !== null) setTimeout(() => child.kill('SIGKILL'), afterMs) })
  return new Promise((resolve) => child.on('close', (_, signal) => resolve({ killAt, signal, output })))
}
async function add(count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const intent = intentEvent(stores)
    const events = i % 3 === 0 ? [intent, outcomeEvent(stores, intent)] : [refusalEvent(stores)]
    for (const event of events) { await stores.ledger.append(event); stored.push(event) }
  }
}
const log = async () => { const objects = createObjects(join(directory, 'log')); return { signer: await keepSigner(directory, name), objects, store: publishing(objects, stores.logStore) } }

describe('sequencers killed at any moment', () => {
  test('leave a log in which every event is once, and a checkpoint that verifies after each of them', async () => {
    await add(20)
    const alive = await once(0, null)
    const { boundary } = JSON.parse(alive.output) as { boundary: number }
    expect(boundary).toBeGreaterThan(30)
    const died: Died[] = []
    for (let killAt = 1; killAt <= boundary; killAt++) {
      await add(killAt % 9 === 0 ? 40 : 7)
      died.push(await once(killAt, null))
      await verifyLog(await log())
    }
    for (let n = 0; n < 20; n++) {
      await add(30)
      died.push(...await Promise.all([once(0, 100 + (n * 137) % 1500), once(n % 2 === 0 ? 0 : 5 + n, n % 2 === 0 ? 100 + (n * 353) % 1500 : null)]))
      await verifyLog(await log())
    }
    const killed = died.filter(({ signal }) => signal === 'SIGKILL')
    console.log(`${killed.length} of ${died.length} sequencers were killed, ${boundary} at each boundary of a look`)
    expect(killed.length).toBeGreaterThan(50)
    for (const { output } of died) expect(output).not.toMatch(/alarm|Error/)
    const last = await once(0, null)
    expect(last.output).toMatch(/"added":/)
    expectWhole(await verifyLog(await log()), stored)
  }, 600_000)
})
