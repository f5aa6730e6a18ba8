import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { isPermit, makePermit } from '../../functions/decide/permit.ts'
import { aboutOf, digestOf, type Errand, type Seen } from '../../functions/protocol/carry.ts'
import { createInside } from '../../functions/protocol/inside.ts'
import { TransportError } from '../../functions/protocol/post.ts'
import type { Run } from '../../functions/protocol/protocol.ts'
import { createRemote, Refused, type Send } from '../../functions/protocol/remote.ts'
import { hide, seal, uncover } from '../../functions/protocol/seal.ts'
import { widest } from '../contract/target.ts'
import { alarms, carrier, clusterApart, connection, engines, errandOf, go, here, key, map, parts, said, settings, sight, stand, there, through, wire } from './errands.ts'

clusterApart()

test('reads, writes and refuses as the engine here does; what is asked is understood here, and only what is run or looked for is carried', async () => {
  expect(await go('POST', settings, { body: map('a', { x: '1' }) })).toMatchObject({ status: 'succeeded', code: 201, rows: { answered: { status: 201 } } })
  expect(wire.map(({ sealed }) => errandOf(sealed).op)).toEqual(['preview', 'execute'])
  wire.length = 0
  expect(JSON.parse((await go('GET', `${settings}/a`)).text)).toMatchObject({ data: { x: '1' } })
  expect(wire.map(({ sealed }) => errandOf(sealed).op)).toEqual(['execute'])
  expect(await go('GET', `${settings}/none`)).toMatchObject({ status: 'succeeded', code: 404 })
  expect((await go('GET', '/api/v1/namespaces/web/secrets/front-db')).text).toContain(Buffer.from('[redacted]').toString('base64'))
})

describe('an errand on its way', () => {
  const replaced = (change: (errand: Errand) => unknown): Send => async (sealed, ms) => through(JSON.stringify({ ...JSON.parse(sealed) as object, text: JSON.stringify({ at: Date.now(), errand: change(errandOf(sealed)) }) }), ms)
  test.each<readonly [string, (errand: Errand) => unknown]>([
    ['another request', (errand) => ({ ...errand, query: { ...(errand as { query: object }).query, statements: [{ sql: `DELETE ${settings}/victim`, params: [{ accept: 'application/json' }, null] }] } })],
    ['another connection', (errand) => ({ ...errand, connection: { ...connection, secret: 'other' } })],
    ['other roles', (errand) => ({ ...errand, roles: ['admin'] })],
    ['another deadline', (errand) => ({ ...errand, run: { ...(errand as { run: object }).run, deadline: Date.now() + 3_600_000 } })],
    ['other obligations', (errand) => ({ ...errand, obligations: { ...(errand as { obligations: object }).obligations, masks: [null, null], detect: [] } })],
  ])('changed to %s runs nothing', async (_, change) => {
    await stand.admin('POST', settings, map('victim', { x: '1' }))
    expect(await go('PATCH', `${settings}/victim`, { body: { data: { x: '2' } }, type: 'application/merge-patch+json', send: replaced(change) })).toMatchObject({ status: 'unknown' })
    expect(await there('victim')).toMatchObject({ data: { x: '1' } })
    expect(alarms).toEqual(['an errand that is not the gate\'s'])
  })
  test('sent again after its time runs nothing: not a minute later, and not when the time in which it could begin is over', async () => {
    await go('POST', settings, { body: map('once') })
    const sent = wire.at(-1)?.sealed ?? ''
    await stand.admin('DELETE', `${settings}/once`)
    const later = createInside({ ...parts, carry: carrier.carry, engines, now: () => Date.now() + 61_000 })
    expect(JSON.parse(gunzipSync(Buffer.from(await later(JSON.parse(sent)), 'base64')).toString())).toMatchObject({ ok: false })
    const errand = errandOf(sent) as Errand & { op: 'execute' }
    expect(await said(JSON.parse(seal(key, { ...errand, run: { ...errand.run, deadline: Date.now() - 1 } }, Date.now())))).toMatchObject({ ok: true, value: { status: 'failed', refusal: { reason: 'deadline_passed' } } })
    expect(await there('once')).toMatchObject({ code: 404 })
  })
  test('sent again at once, however its seal is spelt, runs nothing in the process that had it; the same one asked again does', async () => {
    await go('POST', settings, { body: map('again') })
    const sent = JSON.parse(wire.at(-1)?.sealed ?? '') as { text: string; mac: string }
    await stand.admin('DELETE', `${settings}/again`)
    for (const copy of [sent, { ...sent, mac: sent.mac.replace('=', '') }, { ...sent, mac: `${sent.mac}=` }]) expect(await said(copy)).toMatchObject({ ok: false })
    expect(alarms).toEqual(Array(3).fill('an errand that is not the gate\'s'))
    expect(await there('again')).toMatchObject({ code: 404 })
    expect(await said(JSON.parse(seal(key, errandOf(JSON.stringify(sent)), Date.now())))).toMatchObject({ ok: true, value: { status: 'succeeded' } })
    await stand.admin('DELETE', `${settings}/again`)
    const later = createInside({ ...parts, carry: carrier.carry, engines, now: () => Date.now() + 16_000 })
    expect(JSON.parse(gunzipSync(Buffer.from(await later(sent), 'base64')).toString())).toMatchObject({ ok: false })
    expect(await there('again')).toMatchObject({ code: 404 })
  })
  test('even with the key, what was decided on another object, for another role or without a look runs nothing', async () => {
    await stand.admin('POST', settings, map('held', { x: '1' }))
    await stand.admin('POST', settings, map('else', { x: '1' }))
    const patch = (name: string, x: string, send?: Send) => go('PATCH', `${settings}/${name}`, { body: { data: { x } }, type: 'application/merge-patch+json', ...(send ? { send } : {}) })
    const none: Send = async () => { throw new Refused('not sent') }
    await patch('else', '2', none)
    const looked = wire.at(-1)
    const other = (JSON.parse(gunzipSync(Buffer.from(JSON.parse(looked?.answer ?? '') as string, 'base64')).toString()) as { value: { value: Seen } }).value.value.seen
    const forged = (change: (errand: Errand & { op: 'execute' }) => Errand): Send => (sealed, ms) => through(seal(key, change(errandOf(sealed) as Errand & { op: 'execute' }), Date.now()), ms)
    const changed = (change: (looked: { object: { data: object } }) => unknown) => forged((errand) => ({ ...errand, seen: hide(sight, 'seen', aboutOf(errand), { seed: change((uncover(sight, 'seen', aboutOf(errand), errand.seen ?? '') as { seed: never }).seed) }) }))
    for (const send of [
      forged((errand) => ({ ...errand, seen: other })), forged((errand) => Object.fromEntries(Object.entries(errand).filter(([name]) => name !== 'seen')) as never), forged((errand) => ({ ...errand, effects: digestOf({ accesses: [], shown: [], used: [], readOnly: true, fingerprint: '' }) })),
      forged((errand) => ({ ...errand, connection: { ...connection, serviceAccounts: { operator: 'sluice/admin' } } })), changed((seed) => ({ ...seed, object: { ...seed.object, data: {} } })),
      forged((errand) => ({ ...errand, seen: `${errand.seen?.slice(0, -8) ?? ''}AAAAAAA=` })), forged((errand) => ({ ...errand, seen: hide(key, 'seen', aboutOf(errand), { seed: (uncover(sight, 'seen', aboutOf(errand), errand.seen ?? '') as { seed: unknown }).seed }) })),   // opens under no key; made by one who has the gate's
    ]) expect(await patch('held', '2', send)).toMatchObject({ status: 'stale' })
    expect(await there('held')).toMatchObject({ data: { x: '1' } })
    expect(await patch('held', '2')).toMatchObject({ status: 'succeeded', code: 200 })
  })
  test('lost on its way back is unknown for a write, and failed for a read; neither is sent again', async () => {
    let sends = 0
    const lost: Send = async (sealed, ms) => { sends++; await through(sealed, ms); throw new TransportError('timeout', 'no whole answer in time') }
    expect(await go('POST', settings, { body: map('lost'), send: lost })).toMatchObject({ status: 'unknown', refusal: { slug: 'outcome-unknown' } })
    expect(await go('GET', `${settings}/lost`, { send: lost })).toMatchObject({ status: 'failed', refusal: { slug: 'target-unavailable' } })
    expect([sends, await there('lost')]).toMatchObject([2, { kind: 'ConfigMap' }])
    const command = await go('POST', '/api/v1/namespaces/web/pods/any/exec?command=touch&command=x&stdout=true&stderr=true', { send: async () => { throw new TransportError('timeout', 'no whole answer in time') } })
    expect(command).toMatchObject({ status: 'unknown', refusal: { reason: 'answer_lost', detail: expect.stringMatching(/^the command was sent.* may .* be running still/) as unknown } })
    expect(await go('DELETE', `${settings}/lost`, { send: async () => { throw new Refused('lambda answered 429') } })).toMatchObject({ status: 'failed', refusal: { next: 'retry' } })
  })
})

test('an object that changed between the look and the run is stale, and one that did not is not', async () => {
  await stand.admin('POST', settings, map('moving', { x: '1' }))
  const patch = (between: () => Promise<unknown>) => go('PATCH', `${settings}/moving`, { body: { data: { y: '2' } }, type: 'application/merge-patch+json', between })
  const put = (body: unknown) => () => stand.admin('PUT', `${settings}/moving`, body)
  expect(await patch(put(map('moving', { x: 'other' })))).toMatchObject({ status: 'stale', refusal: { reason: 'objects_changed' } })
  expect(await there('moving')).toMatchObject({ data: { x: 'other' } })
  expect((await there('moving'))).not.toMatchObject({ data: { y: '2' } })
  expect(await patch(async () => null)).toMatchObject({ status: 'succeeded', code: 200 })
})

test('that people agreed is carried too: only then what changed in the status alone may run', async () => {
  const front = '/apis/apps/v1/namespaces/web/deployments/front'
  let generation = 90
  const patch = (run: Partial<Run>) => go('PATCH', front, { body: { metadata: { labels: { agreed: 'yes' } } }, type: 'application/merge-patch+json', run, between: () => stand.admin('PATCH', `${front}/status`, { status: { observedGeneration: ++generation } }, { 'content-type': 'application/merge-patch+json' }) })
  expect(await patch({})).toMatchObject({ status: 'stale', refusal: { reason: 'objects_changed' } })
  expect(await patch({ agreed: true })).toMatchObject({ status: 'succeeded', code: 200 })
})

test('a command runs in the pod that was looked at; while it does, whether it may go on is known here, and no errand asks for it', async () => {
  const pods = '/api/v1/namespaces/web/pods'
  await stand.admin('POST', pods, { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'apart-0' }, spec: { containers: [{ name: 'c', image: 'scratch:1' }] } })
  let during: (() => Promise<void>) | null = null
  const engine = createRemote({ ...parts, isPermit, here, send: async (sealed, ms) => { if (errandOf(sealed).op === 'execute') await during?.(); return through(sealed, ms) } })
  const query = await here.read?.('POST', `${pods}/apart-0/exec?command=hostname`, { accept: 'application/json' }, null)
  if (!query?.ok) throw new Error('not read')
  const judge = async () => { const first = await engine.classify(connection, query.value, ['operator']); const found = first.ok ? await first.value.preview?.() ?? first : first; if (!found.ok) throw new Error(found.refusal.reason); return found.value }
  const plan = await judge()
  expect([plan.lasting, plan.diff?.includes('scratch:1'), wire.map(({ sealed }) => errandOf(sealed).op)]).toEqual([true, true, ['preview']])
  during = async () => { expect((await judge()).effects).toEqual(plan.effects) }
  const permit = makePermit(plan.effects, { masks: [], revealed: [], detect: [], limits: widest })
  expect((await engine.execute(permit, plan, { deadline: Date.now() + 20_000, rowMode: 'object', maxRows: null, agreed: true })).status).toBe('succeeded')
  expect(wire.map(({ sealed }) => errandOf(sealed).op)).toEqual(['preview', 'execute'])
  during = null
  await stand.admin('DELETE', `${pods}/apart-0?gracePeriodSeconds=0`)
  await stand.admin('POST', pods, { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'apart-0' }, spec: { containers: [{ name: 'c', image: 'postgres:18' }] } })
  expect((await engine.execute(permit, plan, { deadline: Date.now() + 20_000, rowMode: 'object', maxRows: null, agreed: true })).status).toBe('stale')
})
test('what a look saw travels hidden both ways, and the gate, which carries it, has no key to it', async () => {
  await go('PATCH', '/api/v1/namespaces/web/secrets/front-db', { body: { metadata: { labels: { a: 'b' } } }, type: 'application/merge-patch+json' })
  const { body } = await stand.admin('GET', '/api/v1/namespaces/web/secrets/front-db')
  const value = String(body['data']?.['password'])
  const errand = errandOf(wire.at(-1)?.sealed ?? '') as Errand & { op: 'execute' }
  expect(JSON.stringify(uncover(sight, 'seen', aboutOf(errand), errand.seen ?? ''))).toContain(value)
  for (const use of ['seen', 'looked'] as const) expect(() => uncover(key, use, aboutOf(errand), errand.seen ?? '')).toThrow()
  expect(() => uncover(sight, 'seen', aboutOf({ ...errand, connection: { ...connection, secret: 'other' } }), errand.seen ?? '')).toThrow()
  expect(wire.map(({ sealed, answer }) => sealed + gunzipSync(Buffer.from(JSON.parse(answer) as string, 'base64')).toString()).join()).not.toContain(value)
})

test('a write whose answer is too large to be carried ran, once, and is unknown; such a read failed', async () => {
  let ran = 0
  const large: typeof engines.kubernetes = { ...engines.kubernetes, execute: (...given) => { ran++; return engines.kubernetes.execute(...given) }, mask: () => ({ results: [], answer: { status: 200, headers: {}, audit: null, body: new Uint8Array(5 * 1024 * 1024) } }) as never }
  const elsewhere = createInside({ ...parts, carry: carrier.carry, engines: { kubernetes: large } })
  const send: Send = async (sealed) => JSON.stringify(await elsewhere(JSON.parse(sealed)))
  expect(await go('POST', settings, { body: map('huge'), send })).toMatchObject({ status: 'unknown', refusal: { slug: 'outcome-unknown', next: 'none' } })
  expect([ran, await there('huge')]).toMatchObject([1, { kind: 'ConfigMap' }])
  expect(await go('GET', `${settings}/huge`, { send })).toMatchObject({ status: 'failed', refusal: { slug: 'too-large' } })
})
