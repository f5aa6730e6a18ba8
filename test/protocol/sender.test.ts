import { gunzipSync } from 'node:zlib'
import { beforeEach, describe, expect, test } from 'vitest'
import { isPermit } from '../../functions/decide/permit.ts'
import { Fault } from '../../functions/ports.ts'
import { createCarrier, createInside } from '../../functions/protocol/inside.ts'
import type { Protocol } from '../../functions/protocol/protocol.ts'
import { createRemote } from '../../functions/protocol/remote.ts'
import { cutIdOf, seal } from '../../functions/protocol/seal.ts'
import type { ConnectionDocument } from '../../schema/policy.ts'

/** Functions that send errands each have a key of their own, and the function in the network opens by it what says to be theirs. */
const keys: Readonly<Record<string, string>> = { 'sluice-private-key': 'the one for all', 'sluice-private-key-http': 'key of http', 'sluice-private-key-hold': 'key of hold', 'sluice-private-key-people': 'key of people', 'sluice-private-sight': 'sight' }
const connection: ConnectionDocument = { version: 1, kind: 'connection', name: 'ledger', engine: 'postgres', transport: 'private', secret: 'x' }
const ping = { op: 'ping', connection } as const
let reads: string[] = []
let pings = 0
const alarms: string[] = []
beforeEach(() => { reads = []; pings = 0; alarms.length = 0 })
const secrets = { get: async (name: string) => { reads.push(name); const key = keys[name]; if (key === undefined) throw new Fault('secret-missing', `no secret ${name}`); return key } }
const engine = { ping: async () => { pings++ } } as unknown as Protocol
const insideOf = (senders?: readonly string[]) => createInside({ engines: { postgres: engine }, secrets, now: Date.now, alarm: (what) => { alarms.push(what) }, carry: createCarrier().carry, ...(senders && { senders }) })
const said = async (inside: ReturnType<typeof insideOf>, sealed: unknown) => JSON.parse(gunzipSync(Buffer.from(await inside(sealed), 'base64')).toString()) as { readonly ok: boolean }
const inside = insideOf(['hold', 'http'])
const parse = (sealed: string): Readonly<Record<string, unknown>> => JSON.parse(sealed) as Record<string, unknown>

test('an errand is opened with the key of whoever says to have sent it, and that of no other is read', async () => {
  for (const by of ['http', 'hold']) {
    reads = []
    const remote = createRemote({ secrets: { get: async (name) => keys[name] ?? '' }, now: Date.now, isPermit, by, send: async (sealed) => JSON.stringify(await inside(JSON.parse(sealed))) })
    await remote.ping?.(connection)
    expect(reads).toEqual([`sluice-private-key-${by}`])
  }
  expect(pings).toBe(2)
})
describe('nothing is opened, and nothing runs', () => {
  const own = (by: string | null, key: string) => parse(seal(keys[key] ?? key, ping, Date.now(), by))
  test.each<readonly [string, () => unknown, readonly string[]]>([
    ['in another\'s name', () => own('http', 'sluice-private-key-hold'), ['sluice-private-key-http']], ['by a name that was put in the place of one\'s own', () => ({ ...own('hold', 'sluice-private-key-hold'), by: 'http' }), ['sluice-private-key-http']],
    ['in nobody\'s name, with one\'s own key', () => own(null, 'sluice-private-key-http'), []], ['in nobody\'s name, with a key that was everybody\'s', () => own(null, 'sluice-private-key'), []],
    ['by who may send none', () => own('people', 'sluice-private-key-people'), []], ['by no name at all', () => ({ ...own('http', 'sluice-private-key-http'), by: '' }), []], ['by one in other letters', () => ({ ...own('http', 'sluice-private-key-http'), by: 'HTTP' }), []],
    ['by a list', () => ({ ...own('http', 'sluice-private-key-http'), by: ['http'] }), []], ['by a number', () => ({ ...own('http', 'sluice-private-key-http'), by: 0 }), []], ['by the name of another secret', () => ({ ...own('http', 'sight'), by: '../sluice-private-sight' }), []],
  ])('%s', async (_, sealed, asked) => {
    expect(await said(inside, sealed())).toMatchObject({ ok: false, code: 'internal' })
    expect([pings, reads, alarms]).toEqual([0, asked, ['an errand that is not the gate\'s']])
  })
  test('in somebody\'s name where one key is everybody\'s', async () => {
    const alone = insideOf()
    expect(await said(alone, own('http', 'sluice-private-key-http'))).toMatchObject({ ok: false })
    expect(await said(alone, own(null, 'sluice-private-key'))).toMatchObject({ ok: true })
    expect(pings).toBe(1)
  })
})
test('who has another\'s key, and saw the errand, can name no cut of it', () => {
  const sealed = seal(keys['sluice-private-key-http'] ?? '', ping, Date.now(), 'http')
  expect(cutIdOf(keys['sluice-private-key-hold'] ?? '', sealed)).not.toBe(cutIdOf(keys['sluice-private-key-http'] ?? '', sealed))
})
