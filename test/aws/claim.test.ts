import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Caller } from '../../schema/caller.ts'
import type { Query } from '../../schema/request.ts'
import type { Permit } from '../../functions/permit.ts'
import { makePermit } from '../../functions/decide/permit.ts'
import { claim } from '../../functions/resolve/idempotency.ts'
import { reserve } from '../../functions/resolve/meter.ts'
import { createRig, type Rig } from '../contract/rig.ts'

const caller: Caller = { issuer: 'okta', subject: { id: 'agent:a', kind: 'agent', groups: [] }, actors: [], person: false, claims: {}, expiresAt: 0 }
const query: Query = { statements: [{ sql: 'select 1', params: [] }], batch: false, isolation: 'read committed', purpose: null, reveal: [], rowMode: 'object', maxRows: null }
const limits = { rows: 100, bytes: 1000, timeoutMs: 1000, affected: 10, statementsPerHour: null, rowsPerHour: null }
const accesses = [{ action: 'select', resource: 'public.customers', columns: ['email'], system: false, via: [], statement: 0, span: null }] as const
const shown = [{ dataClass: 'pii.email', resource: 'public.customers', column: 'email', statement: 0, span: null, output: 0 }] as const
const reading = (obligations: Partial<Permit['obligations']> = {}, effects: Partial<Permit['effects']> = {}) =>
  makePermit({ accesses: [...accesses], shown: [...shown], used: [], readOnly: true, fingerprint: '', ...effects }, { masks: ['email'], revealed: [], detect: [], limits: { ...limits }, ...obligations })

describe('on real stores', () => {
  let rig: Rig
  let alarms: string[] = []
  const ports = () => ({ ...rig.ports, alarm: (what: string) => { alarms.push(what) } })
  beforeEach(async () => { rig = await createRig('signed'); alarms = [] })
  afterEach(() => rig.close())

  describe('claim', () => {
    const claimed = (more: { caller?: Caller; connection?: string; classify?: Record<string, 'none'>; key?: string | null; query?: Query; permit?: Permit } = {}) =>
      claim(ports(), more.caller ?? caller, { connection: { name: more.connection ?? 'shop', classify: more.classify }, idempotencyKey: more.key === undefined ? 'k' : more.key }, more.query ?? query, more.permit ?? reading(), { evaluation: rig.ports.id('eval'), settleBy: rig.clock.ms + 60_000 })

    test('without a key nothing is stored and nothing asked', async () => {
      const first = await claimed({ key: null })
      expect(first).toMatchObject({ ok: true, value: { stored: null } })
      if (first.ok) await first.value.keep(200, '{}')
      expect(rig.calls()).toEqual([])
    })

    test('the second equal call gets the first one\'s answer, one in flight waits, one lost is unknown', async () => {
      const first = await claimed()
      expect(await claimed()).toMatchObject({ ok: false, refusal: { slug: 'idempotency-in-flight', next: 'retry', retryAfterSeconds: 5 } })
      if (first.ok) await first.value.keep(200, '{"rows":[]}')
      expect(await claimed()).toMatchObject({ ok: true, value: { stored: { status: 200, body: '{"rows":[]}' } } })
      await claimed({ key: 'lost' })
      rig.clock.ms += 60_000
      expect(await claimed({ key: 'lost' })).toMatchObject({ ok: false, refusal: { slug: 'outcome-unknown', next: 'none' } })
    })

    test('rows kept under one permission are not given under a narrower, and nothing runs again', async () => {
      const first = await claimed({ permit: reading({ masks: [null], revealed: ['pii.email'] }) })
      if (first.ok) await first.value.keep(200, '{"rows":[]}')
      const withheld = { ok: false, refusal: { slug: 'denied', reason: 'answer_withheld', next: 'none' } }
      expect(await claimed({ permit: reading() })).toMatchObject(withheld)
      const clear = { masks: [null], revealed: ['pii.email'] }
      expect(await claimed({ permit: reading({ ...clear, limits: { ...limits, rows: 1 } }) })).toMatchObject(withheld)
      expect(await claimed({ permit: reading({ ...clear, detect: ['email'] }) })).toMatchObject(withheld)
      expect(await claimed({ permit: reading(clear, { accesses: [{ ...accesses[0], resource: 'public.people' }] }) })).toMatchObject(withheld)
      expect(await claimed({ permit: reading(clear) })).toMatchObject({ ok: true, value: { stored: { status: 200 } } })
      expect(await claimed({ permit: reading(), query: { ...query, maxRows: 5 } })).toMatchObject({ refusal: { slug: 'idempotency-mismatch' } })
    })

    test('rows of a column that was said to carry nothing are not given once something is looked for in it', async () => {
      const body = { 'public.notes.body': 'none' } as const
      for (const detect of [['email'], []] as const) {
        const key = `k-${detect.length}`
        const permit = reading({ masks: [], detect }, { shown: [] })
        const first = await claimed({ key, permit, classify: body })
        if (first.ok) await first.value.keep(200, '{"rows":[]}')
        expect((await claimed({ key, permit, classify: {} })).ok).toBe(detect.length === 0)      // where nothing is looked for, nobody looked before either
        expect(await claimed({ key, permit, classify: body })).toMatchObject({ ok: true, value: { stored: { status: 200 } } })
      }
    })

    test('any other body under the key is a mismatch', async () => {
      await claimed()
      const others: Query[] = [{ ...query, maxRows: 5 }, { ...query, rowMode: 'array' }, { ...query, reveal: ['pii.email'] }, { ...query, purpose: 'x' }, { ...query, batch: true }, { ...query, statements: [{ sql: 'select 1', params: [null] }] }]
      for (const other of others) expect(await claimed({ query: other })).toMatchObject({ ok: false, refusal: { slug: 'idempotency-mismatch' } })
    })

    test('the key is another\'s for another subject, actor, issuer or connection, however the names are cut', async () => {
      await claimed({ key: 'k' })
      const actor = { id: 'agent:b', kind: 'agent' as const, groups: [] }
      const others = [{ caller: { ...caller, issuer: 'local' } }, { caller: { ...caller, subject: { ...caller.subject, id: 'agent:ak' } }, key: 'k' }, { caller: { ...caller, actors: [actor] } }, { connection: 'billing' }, { connection: 'sho', key: 'pk' }]
      for (const other of others) expect(await claimed(other)).toMatchObject({ ok: true, value: { stored: null } })
    })

    test('an answer over 300 KB is not kept, and the repeat hears that it ran', async () => {
      const first = await claimed()
      if (first.ok) await first.value.keep(200, 'x'.repeat(400_000))
      expect(await claimed()).toMatchObject({ ok: false, refusal: { slug: 'too-large', reason: 'answer_not_kept', next: 'none' } })
    })

    test('a key let go runs again; keeping and letting go never throw', async () => {
      const first = await claimed()
      expect(first.ok && await first.value.release('refused')).toBe('refused')
      const second = await claimed()
      expect(second).toMatchObject({ ok: true, value: { stored: null } })
      rig.break({ before: 'error' })
      if (second.ok) await second.value.keep(200, '{}')
      if (second.ok) await second.value.release(null)
      expect(alarms).toEqual(['answer not kept', 'key not released'])
    })

    test('an empty or endless key is refused', async () => {
      for (const key of ['', 'x'.repeat(256)]) expect(await claimed({ key })).toMatchObject({ ok: false, refusal: { slug: 'invalid-request' } })
    })
  })

  describe('reserve', () => {
    const permit = (limits: { rows?: number; statementsPerHour?: number | null; rowsPerHour?: number | null }) =>
      ({ obligations: { limits: { rows: 100, bytes: 1, timeoutMs: 1, affected: 1, statementsPerHour: null, rowsPerHour: null, ...limits } } }) as unknown as Permit
    const rows = (...rowCounts: number[]) => ({ status: 'succeeded', rows: { raw: {}, rowCounts, truncated: false } }) as const
    const reserved = (limits: Parameters<typeof permit>[0], more: Partial<Query> = {}, by = caller) => reserve(ports(), by, 'shop', permit(limits), { ...query, ...more })
    const failed = { status: 'failed', refusal: { slug: 'target-error', reason: 'x', detail: 'x', next: 'fix' } } as const

    test('without a quota the cap is the smaller of limit and maxRows, and no store is asked', async () => {
      expect(await reserved({})).toMatchObject({ ok: true, value: { rows: 100 } })
      expect(await reserved({}, { maxRows: 7 })).toMatchObject({ value: { rows: 7 } })
      expect(await reserved({}, { maxRows: 7000 })).toMatchObject({ value: { rows: 100 } })
      expect(rig.calls()).toEqual([])
    })

    test('statements are counted, each of a batch, a batch that does not fit costs nothing, and the next hour is full again', async () => {
      const two = { statements: [...query.statements, ...query.statements] }
      expect((await reserved({ statementsPerHour: 3 }, two)).ok).toBe(true)
      expect(await reserved({ statementsPerHour: 3 }, two)).toMatchObject({ ok: false, refusal: { slug: 'rate-limited', next: 'retry', retryAfterSeconds: 3600 } })
      expect((await reserved({ statementsPerHour: 3 })).ok).toBe(true)
      rig.clock.ms += 3_599_500
      expect(await reserved({ statementsPerHour: 3 })).toMatchObject({ ok: false, refusal: { retryAfterSeconds: 1 } })
      rig.clock.ms += 500
      expect((await reserved({ statementsPerHour: 3 })).ok).toBe(true)
    })

    test('the row cap shrinks to what is left of the hour, and what is not used comes back', async () => {
      const first = await reserved({ rowsPerHour: 150 })
      expect(first).toMatchObject({ value: { rows: 100 } })
      expect(await reserved({ rowsPerHour: 150 })).toMatchObject({ value: { rows: 50 } })
      expect(await reserved({ rowsPerHour: 150 })).toMatchObject({ ok: false, refusal: { slug: 'rate-limited' } })
      if (first.ok) first.value.settle(rows(30))
      expect(await reserved({ rowsPerHour: 150 })).toMatchObject({ value: { rows: 70 } })
    })

    test('a failed statement gives its rows back, an unknown one does not', async () => {
      const one = await reserved({ rowsPerHour: 100 })
      if (one.ok) one.value.settle(failed)
      const two = await reserved({ rowsPerHour: 100 })
      expect(two).toMatchObject({ value: { rows: 100 } })
      if (two.ok) two.value.settle({ ...failed, status: 'unknown' })
      expect((await reserved({ rowsPerHour: 100 })).ok).toBe(false)
    })

    test('what was not begun gives back statements and rows, and a refusal for rows costs no statement', async () => {
      for (const limits of [{ statementsPerHour: 1 }, { statementsPerHour: 1, rowsPerHour: 100 }]) {
        const first = await reserved(limits)
        expect(first.ok && first.value.release('refused')).toBe('refused')
      }
      const held = await reserved({ rowsPerHour: 100 })
      expect(await reserved({ statementsPerHour: 1, rowsPerHour: 100 })).toMatchObject({ refusal: { detail: expect.stringContaining('100 rows') } })
      if (held.ok) held.value.release(null)
      expect(await reserved({ statementsPerHour: 1, rowsPerHour: 100 })).toMatchObject({ ok: true, value: { rows: 100 } })
      expect(await reserved({ statementsPerHour: 1, rowsPerHour: 100 })).toMatchObject({ refusal: { detail: expect.stringContaining('1 statements') } })
    })

    test('each statement of a batch gets its part, so that together they stay within the hour', async () => {
      const three = { statements: [...query.statements, ...query.statements, ...query.statements] }
      expect(await reserved({ rowsPerHour: 100 }, three)).toMatchObject({ value: { rows: 33 } })
      expect((await reserved({ rowsPerHour: 100 }, three)).ok).toBe(false)
    })

    test('another actor of the same subject shares its budget, another subject does not', async () => {
      expect((await reserved({ statementsPerHour: 1 })).ok).toBe(true)
      expect((await reserved({ statementsPerHour: 1 }, {}, { ...caller, actors: [{ id: 'agent:x', kind: 'agent', groups: [] }] })).ok).toBe(false)
      expect((await reserved({ statementsPerHour: 1 }, {}, { ...caller, subject: { ...caller.subject, id: 'agent:b' } })).ok).toBe(true)
    })
  })
})
