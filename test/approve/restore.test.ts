import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Item } from '../../functions/aws/dynamo.ts'
import { Damage } from '../../functions/ports.ts'
import { unstick } from '../../functions/stuck.ts'
import { sweep } from '../../functions/sweep.ts'
import type { AccessRequest } from '../../schema/approval.ts'
import type { Event, Id } from '../../schema/event.ts'
import { fateKey, correctionId, outcomeId, tables } from '../../schema/item.ts'
import { createRig, type Rig } from '../contract/rig.ts'
import { asked, createApproving, lead, otherLead, path, refund, say } from '../support/approvals.ts'
import { support } from '../support/caller.ts'
import { createReplicas } from '../support/replicas.ts'

/** Tables put back to an earlier moment (docs/deploy.md, "A table put back"): whatever ran does not run again, and nobody is told that it did not. */
const back = 'a request came back from before its end'
const minuteMs = 60_000

describe('the table of requests alone, in DynamoDB', () => {
  let rig: Rig
  beforeEach(async () => { rig = await createRig('signed') })
  afterEach(() => rig.close())

  /** `sweeps`: all that a sweeper does once, in a process of its own. */
  function replicas() {
    const made = createReplicas(rig)
    const { process } = made
    async function sweeps(): Promise<void> {
      const { ports: its, approver } = process()
      await sweep(its)
      await unstick(its, { announce: async () => undefined, proceed: (id) => approver.proceed(id), tell: async () => undefined })
    }
    return { ...made, sweeps }
  }
  const TableName = tables.requests.name
  const read = async (pk: string): Promise<Item | undefined> => (await rig.dynamo('GetItem', { TableName, Key: { pk: { S: pk } } })).Item
  /** What the table holds of one request now; puts exactly that back, and takes away what came since. */
  async function copy({ id, callKey }: Pick<AccessRequest, 'id' | 'callKey'>): Promise<() => Promise<void>> {
    const was = await Promise.all([id, `call#${callKey}`, `result#${id}`].map(async (pk) => ({ pk, item: await read(pk) })))
    return async () => { for (const { pk, item } of was) await (item ? rig.dynamo('PutItem', { TableName, Item: item }) : rig.dynamo('DeleteItem', { TableName, Key: { pk: { S: pk } } })) }
  }
  const stored = async (id: Id<'arq'>): Promise<AccessRequest> => { const request = await rig.ports.requests.get(id); if (!request) throw new Error('no request'); return request }

  test.each(['approved', 'pending'] as const)('put back to where it was %s, a request that ran is not run again by any sweeper, and its requester gets the end of its one execution', async (status) => {
    const { as, world, process, sweeps, story } = replicas()
    const request = await asked(await as(support))
    const early = await copy(await stored(request.id))
    await say(await as(lead), 'approve', request)
    const putBack = status === 'pending' ? early : await copy(await stored(request.id))
    await process().approver.proceed(request.id)
    expect(world.engine.ran).toEqual([refund.sql])
    const ran = await stored(request.id)

    await putBack()
    expect(await stored(request.id)).toMatchObject({ status, execution: null })
    world.clock.ms += status === 'pending' ? 31 * minuteMs : minuteMs       // one that waits is looked at when its time is over
    for (let i = 0; i < 3; i++) await sweeps()
    await Promise.all(Array.from({ length: 4 }, () => process().approver.proceed(request.id)))
    expect(world.engine.ran).toEqual([refund.sql])
    const { execution, ending, status: ended } = await stored(request.id)
    expect([ended, execution, ending?.outcome, ending?.rowCounts]).toEqual(['succeeded', ran.execution, ran.ending?.outcome, ran.ending?.rowCounts])
    expect(world.alarms.filter(({ what }) => what === back)).toEqual([{ what: back, detail: { request: request.id, event: ran.execution?.intent } }])
    // Its rows were in the table that was put back; it is told so, and asked anew nobody is.
    const again = await (await as(support)).call('POST', path, refund)
    expect([again.status, again.json['reason']]).toEqual([413, 'answer_not_kept'])
    expect(await story(request.id)).toEqual(['request', 'approval', 'intent', 'outcome'])
  })

  test('put back while it runs, it ends as what runs ends', async () => {
    const { as, world, process, sweeps } = replicas()
    const request = await asked(await as(support))
    await say(await as(lead), 'approve', request)
    const putBack = await copy(await stored(request.id))
    const { engine } = world
    const begun = Promise.withResolvers<void>()
    const goOn = Promise.withResolvers<void>()
    const { execute } = engine
    engine.execute = async (...given) => { begun.resolve(); await goOn.promise; return execute(...given) }
    const running = process().approver.proceed(request.id)
    await begun.promise
    await putBack()
    world.clock.ms += minuteMs / 2 + 1000
    await sweeps()
    expect((await stored(request.id)).status).toBe('executing')
    goOn.resolve()
    await running
    await sweeps()
    expect([(await stored(request.id)).status, world.engine.ran]).toEqual(['succeeded', [refund.sql]])
  })

  test('put back where the process that ran it is gone: what became of it is not known, and it is not run again', async () => {
    const { as, world, process, sweeps } = replicas()
    const request = await asked(await as(support))
    await say(await as(lead), 'approve', request)
    const putBack = await copy(await stored(request.id))
    rig.break({ after: 'error' }, { operation: 'TransactWriteItems' })       // begun, and whoever began it never hears of it
    await process().approver.proceed(request.id).catch(() => undefined)
    rig.heal()
    const intent = (await stored(request.id)).execution?.intent
    expect(intent).toBeDefined()
    await putBack()
    for (let i = 0; i < 3; i++) {
      world.clock.ms += 10 * minuteMs
      rig.clock.ms = world.clock.ms
      await sweeps()
    }
    expect(world.engine.ran).toEqual([])
    const ended = await stored(request.id)
    expect([ended.status === 'outcome-unknown' || ended.status === 'failed', ended.execution?.intent]).toEqual([true, intent])
  })

  test('approved once more by people who did not know, it runs no second time', async () => {
    const { as, world, process } = replicas()
    const request = await asked(await as(support))
    const putBack = await copy(await stored(request.id))
    await say(await as(lead), 'approve', request)
    await process().approver.proceed(request.id)
    await putBack()
    expect((await say(await as(otherLead), 'approve', request)).status).toBe(200)
    world.clock.ms += minuteMs
    expect(await process().approver.proceed(request.id)).toBe('succeeded')
    expect(world.engine.ran).toEqual([refund.sql])
  })

  test('the record is appended to: whoever may put over what it says of a request can change which intent it names, and have nothing run', async () => {
    const { as, world, process } = replicas()
    const request = await asked(await as(support))
    await say(await as(lead), 'approve', request)
    const other = await asked(await as(support), { ...refund, params: [8] })
    await say(await as(lead), 'approve', other)
    await process().approver.proceed(other.id)
    const { execution } = await stored(other.id)
    const { pk, sk } = fateKey(request.id)
    const forge = (by: string) => rig.dynamo('PutItem', { TableName: tables.audit.name, Item: { pk: { S: pk }, sk: { S: sk }, by: { S: by } } })
    await forge(execution?.intent ?? '')                                     // another's, which succeeded
    world.clock.ms += minuteMs
    expect(await process().approver.proceed(request.id)).toBe('outcome-unknown')
    expect((await stored(request.id)).ending).toMatchObject({ outcome: null, rowCounts: [] })
    expect(world.engine.ran).toHaveLength(1)
  })

  test.each(['pending', 'approved'] as const)('what is no event and lies where the end of a request that is %s is told: it ends as not known, once and with an alarm, and its call is not held by it for good', async (status) => {
    const { as, world, process, sweeps } = replicas()
    for (const by of ['arq_x', correctionId('evt_01KAQZ0000AAAAAAAAAAAAAAA0', 1)]) {
      const request = await asked(await as(support), { ...refund, params: [by.length] })
      if (status === 'approved') await say(await as(lead), 'approve', request)
      const { pk, sk } = fateKey(request.id)
      await rig.dynamo('PutItem', { TableName: tables.audit.name, Item: { pk: { S: pk }, sk: { S: sk }, by: { S: by } } })
      world.clock.ms += status === 'pending' ? 31 * minuteMs : minuteMs
      await sweeps()
      expect(await stored(request.id)).toMatchObject({ status: 'outcome-unknown', execution: null, ending: { outcome: null, rowCounts: [], refusal: { slug: 'outcome-unknown' } } })
      expect(await process().approver.proceed(request.id)).toBe('outcome-unknown')
      expect(world.alarms.filter(({ detail }) => detail['request'] === request.id).map(({ what }) => what)).toEqual(['the outcome of an approved request is not known'])
    }
    expect(world.engine.ran).toEqual([])
  })
})

/** In memory, where each table can be put back by itself. */
async function begun() {
  const at = createApproving()
  const request = await asked(await at.as(support))
  await say(await at.as(lead), 'approve', request)
  const approved = await at.memory.requests.get(request.id)
  if (!approved) throw new Error('no request')
  const putBack = () => at.memory.stored.set(request.id, approved)
  const sweeps = async () => { at.world.clock.ms += minuteMs; await unstick(at.ports, { announce: async () => {}, proceed: (id) => at.approver.proceed(id), tell: async () => {} }) }
  const status = async () => (await at.memory.requests.get(request.id))?.status
  return { ...at, id: request.id, approved, putBack, sweeps, status }
}
/** The record as it was before: events and what says that the request began are gone together. */
function forget({ world, memory, id }: Awaited<ReturnType<typeof begun>>, gone: (event: Event) => boolean): void {
  for (const event of world.events.filter(gone)) world.events.splice(world.events.indexOf(event), 1)
  memory.fates.delete(id)
}

describe('put back', () => {
  test('again and again, it ends each time as it did, and runs once', async () => {
    const at = await begun()
    await at.approver.proceed(at.id)
    for (let i = 0; i < 3; i++) {
      at.putBack()
      await at.sweeps()
      expect([at.world.engine.ran.length, await at.status()]).toEqual([1, 'succeeded'])
    }
  })

  test.each([['a lock on everything', async (at: Awaited<ReturnType<typeof begun>>) => { await at.ports.policies.lock({ target: 'everything', by: 'user:x', at: '', reason: 'a table is put back', until: null }) }], ['its time over', async (at: Awaited<ReturnType<typeof begun>>) => { at.world.clock.ms += 40 * minuteMs }]] as const)('under %s a request that ran does not end as one that never did', async (_, change) => {
    const at = await begun()
    await at.approver.proceed(at.id)
    at.putBack()
    await change(at)
    await at.sweeps()
    expect([at.world.engine.ran.length, await at.status()]).toEqual([1, 'succeeded'])
    expect(at.world.events.filter(({ kind }) => kind === 'stale' || kind === 'expiry')).toEqual([])
  })

  const lock = { target: 'connection:shop', by: 'user:x', at: '', reason: null, until: null }
  test.each<[string, string, (at: Awaited<ReturnType<typeof begun>>) => Promise<unknown>]>([
    ['rejected', 'rejection', async (at) => say(await at.as(otherLead), 'reject', { id: at.id, digest: at.approved.digest }, 'not this one')],
    ['cancelled', 'cancellation', async (at) => (await at.as(support)).call('DELETE', `/v1/requests/${at.id}`)],
    ['expired', 'expiry', async (at) => { at.world.clock.ms += 31 * minuteMs; await at.approver.proceed(at.id) }],
    ['stale', 'stale', async (at) => { await at.ports.policies.lock(lock); at.world.clock.ms += 3000; await at.approver.proceed(at.id); await at.ports.policies.unlock(lock.target); at.world.clock.ms += 3000 }],
  ])('to where it was approved, or written over as that: what was %s since is so again, by the same event, and runs under no circumstances', async (status, kind, end) => {
    const at = await begun()
    await end(at)
    const before = await at.memory.requests.get(at.id)
    expect(before?.status).toBe(status)
    at.putBack()
    await at.sweeps()
    const after = await at.memory.requests.get(at.id)
    expect([at.world.engine.ran, after?.status, after?.ending?.at.slice(0, 19), after?.ending?.refusal?.slug]).toEqual([[], status, before?.ending?.at.slice(0, 19), before?.ending?.refusal?.slug])
    expect([at.world.events.filter((event) => event.kind === kind).length, at.world.alarms.filter(({ what }) => what === back).length]).toEqual([1, 1])
    if (status === 'rejected') expect(after?.ending?.refusal?.detail).toContain('"not this one"')
  })

  test('to where people had not decided, what ran is neither rejected nor taken back: nobody is told that it never ran', async () => {
    const at = await begun()
    await at.approver.proceed(at.id)
    at.memory.stored.set(at.id, { ...at.approved, status: 'pending', verdicts: [], told: at.approved.told.slice(0, 1) })
    let swaps = 0
    const { swap } = at.memory.requests
    Object.assign(at.memory.requests, { swap: (...given: Parameters<typeof swap>) => { swaps++; return swap(...given) } })
    const said = await say(await at.as(otherLead), 'reject', { id: at.id, digest: at.approved.digest })
    expect([said.status, said.json['slug'] ?? said.json['type'], said.json['reason']]).toEqual([409, expect.stringContaining('request-settled'), 'succeeded'])
    expect((await (await at.as(support)).call('DELETE', `/v1/requests/${at.id}`)).json['reason']).toBe('succeeded')
    expect([swaps, await at.status(), at.world.alarms.filter(({ what }) => what === back).length]).toEqual([3, 'succeeded', 1])   // the word that was too late, and the two by which it came to its end
    expect([await at.approver.proceed(at.id), at.world.engine.ran.length]).toEqual(['succeeded', 1])
    expect(at.world.events.filter(({ kind }) => kind === 'rejection' || kind === 'cancellation')).toEqual([])
  })

  test.each<[string, (at: Awaited<ReturnType<typeof begun>>) => void, 'reject' | 'cancel', string]>([
    ['a rejection, taken back', (at) => at.memory.fates.set(at.id, at.world.events.find(({ kind }) => kind === 'rejection')!.id), 'cancel', 'rejected'],
    ['what is no event, rejected', (at) => Object.assign(at.memory.requests, { fate: async () => { throw new Damage('what is said of the end is damaged') } }), 'reject', 'outcome_unknown'],
  ])('to where people had not decided, it is told as what the record says of it, at once: %s', async (_, change, word, reason) => {
    const at = await begun()
    await say(await at.as(otherLead), 'reject', { id: at.id, digest: at.approved.digest })
    at.memory.stored.set(at.id, { ...at.approved, status: 'pending', verdicts: [], told: at.approved.told.slice(0, 1) })
    change(at)
    const said = word === 'reject' ? await say(await at.as(lead), 'reject', { id: at.id, digest: at.approved.digest }) : await (await at.as(support)).call('DELETE', `/v1/requests/${at.id}`)
    expect([said.status, said.json['reason'], at.world.engine.ran]).toEqual([409, reason, []])
  })

  test('what is said of its end, by another event of its own, is believed no further than that nothing begins', async () => {
    const at = await begun()
    at.memory.fates.set(at.id, at.world.events.find(({ kind }) => kind === 'approval')!.id)
    expect([await at.approver.proceed(at.id), at.world.engine.ran]).toEqual(['outcome-unknown', []])
  })

  test('the record alone, to before a request began: what succeeded stays so; what was executing ends as not known, and neither runs', async () => {
    for (const status of ['succeeded', 'outcome-unknown'] as const) {
      const at = await begun()
      await at.approver.proceed(at.id)
      const { execution } = (await at.memory.requests.get(at.id))!
      forget(at, ({ kind }) => kind === 'intent' || kind === 'outcome')
      if (status === 'outcome-unknown') at.memory.stored.set(at.id, { ...at.approved, status: 'executing', execution, revision: at.approved.revision + 1 })
      for (let i = 0; i < 2; i++) await at.sweeps()
      expect([at.world.engine.ran.length, await at.status()]).toEqual([1, status])
    }
  })

  test('requests to before it began, the record to after that and before its outcome: it is not known, once the sweeper says so', async () => {
    const at = await begun()
    await at.approver.proceed(at.id)
    at.putBack()
    const [outcome] = at.world.events.filter(({ kind }) => kind === 'outcome')
    at.world.events.splice(at.world.events.indexOf(outcome!), 1)
    await at.sweeps()
    expect(await at.status()).toBe('executing')
    const intent = at.world.events.find(({ kind }) => kind === 'intent')!
    at.world.events.push({ ...outcome!, id: outcomeId(intent.id), status: 'unknown', refusal: null, rowCounts: [], by: 'sweeper' } as Event)
    await at.sweeps()
    expect([at.world.engine.ran.length, await at.status()]).toEqual([1, 'outcome-unknown'])
  })

  test('both to before it began, nothing is left that says it ran: then only the lock that the guide takes first, or its time, keeps it from running', async () => {
    const run = async (locked: boolean) => {
      const at = await begun()
      await at.approver.proceed(at.id)
      at.putBack()
      forget(at, ({ kind }) => kind === 'intent' || kind === 'outcome')
      if (locked) await at.ports.policies.lock({ target: 'everything', by: 'user:x', at: '', reason: 'a table is put back', until: null })
      await at.sweeps()
      return [at.world.engine.ran.length, await at.status()]
    }
    expect(await run(true)).toEqual([1, 'stale'])
    expect(await run(false)).toEqual([2, 'succeeded'])
  })
})
