import { createHash, createHmac } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { isPermit, makePermit } from '../../functions/decide/permit.ts'
import type { CarriedPlan, Errand } from '../../functions/protocol/carry.ts'
import { listen, type Cuts } from '../../functions/protocol/halt.ts'
import { createCarrier, createInside } from '../../functions/protocol/inside.ts'
import type { Executed, Plan, Protocol, Run } from '../../functions/protocol/protocol.ts'
import { createRemote, type Send } from '../../functions/protocol/remote.ts'
import { cutIdOf, seal } from '../../functions/protocol/seal.ts'
import type { Effects } from '../../schema/effects.ts'
import type { ConnectionDocument } from '../../schema/policy.ts'
import type { Query } from '../../schema/request.ts'
import { widest } from '../contract/target.ts'

/** The word by which the gate ends what runs in a private network, between the two ends in this process; the engine is one that runs until it is told to stop. What real servers make of it: test/lambda/cut.test.ts. */
const key = 'k'.repeat(44)
const connection: ConnectionDocument = { version: 1, kind: 'connection', name: 'ledger', engine: 'postgres', transport: 'private', secret: 'x' }
const queryOf = (form?: 'ssh'): Query => ({ statements: [{ sql: 'it', params: [] }], batch: false, isolation: 'read committed', purpose: null, reveal: [], rowMode: 'object', maxRows: null, ...(form && { form }) })
const secrets = { get: async () => key }
const effectsOf = (readOnly: boolean): Effects => ({ accesses: [], shown: [], used: [], readOnly, fingerprint: 'f' })
const stopped = (why: string): Executed => ({ status: 'failed', refusal: { slug: 'timeout', reason: 'cut', next: 'retry', detail: 'stopped there', inner: `cut: ${why}` } })
const done: Executed = { status: 'succeeded', rows: { raw: {}, rowCounts: [1], truncated: false } }
const settle = () => vi.advanceTimersByTimeAsync(0)
beforeEach(() => { vi.useFakeTimers() })
afterEach(() => { vi.useRealTimers() })

function rows() {
  const said = new Map<string, string>()
  const asked: string[] = []
  const cuts: Cuts = { say: async (id, why) => { said.set(id, why) }, said: async (id) => { asked.push(id); return said.get(id) ?? null } }
  return { said, asked, cuts }
}

/** Both ends. `readOnly`, `command`: what is run; `end`: lets it come to its end by itself. */
function stand({ readOnly = false, command = false, cuts = rows(), mute = false, before = () => {} }: { readonly readOnly?: boolean; readonly command?: boolean; readonly cuts?: ReturnType<typeof rows>; readonly mute?: boolean; readonly before?: (sealed: string, said: Map<string, string>) => void } = {}) {
  const alarms: string[] = []
  const sealed: string[] = []
  const ends: (() => void)[] = []
  const ran: string[] = []
  const engine = {
    classify: async () => ({ ok: true, value: { plan: Object.freeze({}), effects: effectsOf(readOnly), ...(command && { lasting: true }) } }),
    execute: async (_: unknown, __: Plan, { cut, heard }: Run) => {
      await heard?.('stdout', Buffer.from('begun'))
      ran.push('begun')
      return new Promise<Executed>((resolve) => {
        ends.push(() => { resolve(done) })
        cut?.addEventListener('abort', () => { ran.push('stopped'); resolve(stopped((cut.reason as Error).message)) })
      })
    },
    mask: () => ({ results: [{ columns: [{ name: 'x', type: 'text' }], rows: [{ x: 'returned' }], rowCount: 1, truncated: false }] }),
  } as unknown as Protocol
  const { carry } = createCarrier()
  const inside = createInside({ engines: { postgres: engine }, secrets, now: Date.now, alarm: (what) => { alarms.push(what) }, carry, cuts: cuts.cuts })
  const send: Send = async (errand) => {
    sealed.push(errand)
    before(errand, cuts.said)
    if (mute && (JSON.parse((JSON.parse(errand) as { text: string }).text) as { errand: Errand }).errand.op === 'execute') return new Promise(() => {})
    return JSON.stringify(await inside(JSON.parse(errand)))
  }
  const remote = createRemote({ secrets, now: Date.now, isPermit, send, cuts: cuts.cuts, ...(command && { here: engine }) })
  async function begin(query = queryOf(command ? 'ssh' : undefined), heard: Run['heard'] = async () => {}) {
    const plan = await remote.classify(connection, query)
    if (!plan.ok) throw new Error('refused')
    const cut = new AbortController()
    const permit = makePermit(plan.value.effects, { masks: [], revealed: [], detect: [], limits: { ...widest, timeoutMs: 600_000 } })
    const running = remote.execute(permit, plan.value, { deadline: Date.now() + 5000, rowMode: 'object', maxRows: null, cut: cut.signal, heard })
    await settle()
    return { running, cut: (why: string) => { cut.abort(new Error(why)) }, plan: plan.value, permit }
  }
  return { ...cuts, remote, inside, sealed, alarms, ran, begin, end: () => { for (const one of ends) one() } }
}

describe('whoever runs an errand', () => {
  test('looks for nothing before it took two seconds, then each second, and never after its end', async () => {
    const { cuts, asked } = rows()
    const ear = listen(cuts, 'a', () => {})
    await vi.advanceTimersByTimeAsync(1999)
    expect(asked).toEqual([])
    await vi.advanceTimersByTimeAsync(2001)
    expect(asked).toEqual(['a', 'a', 'a'])
    ear.end()
    await vi.advanceTimersByTimeAsync(10_000)
    expect([asked.length, ear.signal.aborted]).toEqual([3, false])
  })
  test('is not ended by a look that fails, says so once, and hears the next', async () => {
    let fails = true
    const deaf: unknown[] = []
    const ear = listen({ say: async () => {}, said: async () => { if (fails) throw new Error('no way'); return 'locked' } }, 'a', (error) => { deaf.push(error) })
    await vi.advanceTimersByTimeAsync(5000)
    expect([ear.signal.aborted, deaf.length]).toEqual([false, 1])
    fails = false
    await vi.advanceTimersByTimeAsync(1000)
    expect([ear.signal.aborted, (ear.signal.reason as Error).message]).toEqual([true, 'locked'])
  })
  test('an answer that comes after its end ends nothing and alarms of nothing', async () => {
    for (const late of [async (): Promise<string> => 'locked', async (): Promise<string> => { throw new Error('no way') }]) {
      const deaf: unknown[] = []
      let go = () => {}
      const ear = listen({ say: async () => {}, said: async () => { await new Promise<void>((resolve) => { go = resolve }); return late() } }, 'a', (error) => { deaf.push(error) })
      await vi.advanceTimersByTimeAsync(2000)
      ear.end()
      go()
      await vi.advanceTimersByTimeAsync(5000)
      expect([ear.signal.aborted, deaf]).toEqual([false, []])
    }
  })
  test.each(['', 'see https://evil.example', 'x'.repeat(65), '<b>', 'LOCKED\n'])('repeats nothing but a word of ours: %j', async (why) => {
    const ear = listen({ say: async () => {}, said: async () => why }, 'a', () => {})
    await vi.advanceTimersByTimeAsync(2000)
    expect((ear.signal.reason as Error).message).toBe('it may not go on')
  })
})

describe('what is cut', () => {
  test('and had changed something by then says that it did and how many rows, and shows none of them', async () => {
    const shown = async (why: string | null) => {
      const at = stand()
      const { running, cut, plan, permit } = await at.begin()
      if (why !== null) cut(why)
      at.end()
      const ended = await running
      if (ended.status !== 'succeeded') throw new Error(ended.status)
      return at.remote.mask(permit, plan, ended.rows).results.map(({ rows, rowCount, truncated }) => ({ rows, rowCount, truncated }))
    }
    expect(await shown(null)).toEqual([{ rows: [{ x: 'returned' }], rowCount: 1, truncated: false }])
    expect(await shown('locked')).toEqual([{ rows: [], rowCount: 1, truncated: true }])
  })
  test('is told so where it runs, is stopped there, and its end is what the record has', async () => {
    const at = stand()
    const { running, cut } = await at.begin()
    cut('locked')
    await vi.advanceTimersByTimeAsync(2000)
    expect([at.ran, [...at.said.values()]]).toEqual([['begun', 'stopped'], ['locked']])
    expect(await running).toMatchObject({ status: 'failed', refusal: { reason: 'cut', inner: 'cut: locked' } })
    expect(at.asked).toEqual([...at.said.keys()])
  })
  test('brings what a command wrote until then', async () => {
    const at = stand({ command: true })
    const heard: string[] = []
    const { running, cut } = await at.begin(queryOf('ssh'), async (_, bytes) => { heard.push(Buffer.from(bytes).toString()) })
    cut('token_expired')
    await vi.advanceTimersByTimeAsync(2000)
    await running
    expect(heard).toEqual(['begun'])
  })
  test('before it was sent is never sent', async () => {
    const at = stand()
    const plan = await at.remote.classify(connection, queryOf())
    if (!plan.ok) throw new Error('refused')
    const permit = makePermit(plan.value.effects, { masks: [], revealed: [], detect: [], limits: widest })
    const sent = at.sealed.length
    expect(await at.remote.execute(permit, plan.value, { deadline: Date.now() + 5000, rowMode: 'object', maxRows: null, cut: AbortSignal.abort(new Error('locked')) })).toMatchObject({ status: 'failed', refusal: { reason: 'cut' } })
    expect([at.sealed.length - sent, at.said.size]).toEqual([0, 0])
  })
  test.each([['a read', { readOnly: true }, { status: 'failed', refusal: { reason: 'cut' } }], ['a write', {}, { status: 'unknown', refusal: { reason: 'answer_lost' } }], ['a command', { command: true }, { status: 'unknown', refusal: { reason: 'answer_lost', detail: expect.stringMatching(/may .*be running still/) as unknown } }]] as const)(
    'and not heard of again ends for its caller: %s', async (_, how, outcome) => {
      const at = stand({ ...how, mute: true })
      const { running, cut } = await at.begin()
      cut('locked')
      await vi.advanceTimersByTimeAsync(5000)
      expect(await running).toMatchObject(outcome)
      expect(at.said.size).toBe(1)
    })
  test('where nobody can be told ends at once for its caller', async () => {
    const cuts = rows()
    cuts.cuts.say = async () => { throw new Error('no store') }
    const at = stand({ cuts })
    const { running, cut } = await at.begin()
    cut('locked')
    expect(await running).toMatchObject({ status: 'unknown', refusal: { reason: 'answer_lost' } })
  })
  test('and came to its end before it heard: nobody whom a lock stops gets rows for that; a change that is there is said to be there', async () => {
    for (const [how, outcome] of [[{ readOnly: true }, { status: 'failed', refusal: { reason: 'cut' } }], [{ command: true }, { status: 'unknown', refusal: { reason: 'cut', inner: 'cut: locked; it had ended by itself' } }], [{}, { status: 'succeeded' }]] as const) {
      const at = stand(how)
      const { running, cut } = await at.begin()
      cut('locked')
      at.end()
      await settle()
      expect(await running).toMatchObject(outcome)
      expect(at.ran).toEqual(['begun'])
    }
  })
})

describe('nobody ends what is not theirs', () => {
  /** The names that somebody could make of what they may know. `sent`: an errand as it went over the wire. */
  const guesses = (sent: string): readonly (readonly [string, string])[] => {
    const { text, mac } = JSON.parse(sent) as { text: string; mac: string }
    const hmac = (secret: string, of: string) => createHmac('sha256', secret).update(of).digest('hex')
    const own = JSON.parse(text) as { errand: Errand }
    return [
      ['the errand, without a key', createHash('sha256').update(text).digest('hex')], ['its seal', Buffer.from(mac, 'base64').toString('hex')], ['the errand, by the secret as it is', hmac(key, text)], ['the errand, by another secret', cutIdOf('guess', sent)],
      ['the same question sealed once more, by one who has the key', cutIdOf(key, seal(key, own.errand, Date.now()))], ['the seal, by the key of cuts', createHmac('sha256', createHmac('sha256', key).update('sluice private cut v1').digest()).update(mac).digest('hex')],
    ]
  }
  test('by any name but the one that only its two ends can make', async () => {
    const at = stand()
    const { running } = await at.begin()
    const sent = at.sealed.at(-1) ?? ''
    for (const [, guess] of guesses(sent)) at.said.set(guess, 'locked')
    await vi.advanceTimersByTimeAsync(10_000)
    expect(at.ran).toEqual(['begun'])
    at.said.set(cutIdOf(key, sent), 'locked')
    await vi.advanceTimersByTimeAsync(1000)
    expect(at.ran).toEqual(['begun', 'stopped'])
    await running
  })
  test('two errands of one statement are two: the cut of one leaves the other', async () => {
    const at = stand()
    const [one, two] = [await at.begin(), await at.begin()]
    one.cut('locked')
    await vi.advanceTimersByTimeAsync(5000)
    expect(await one.running).toMatchObject({ refusal: { reason: 'cut' } })
    expect(at.ran).toEqual(['begun', 'begun', 'stopped'])
    at.end()
    expect(await two.running).toMatchObject({ status: 'succeeded' })
  })
  test('a word that was there before the errand came, as where its process had to start first, ends it at the first look', async () => {
    const at = stand({ before: (sealed, said) => { said.set(cutIdOf(key, sealed), 'locked') } })
    const { running } = await at.begin()
    expect(at.ran).toEqual(['begun'])
    await vi.advanceTimersByTimeAsync(2000)
    expect(at.ran).toEqual(['begun', 'stopped'])
    await running
  })
  test('what is no errand of the gate\'s is looked for by nobody', async () => {
    const at = stand()
    await at.inside(JSON.parse(seal('guess', { op: 'execute', connection, query: queryOf(), effects: '', obligations: { masks: [], revealed: [], detect: [], limits: widest }, run: { deadline: Date.now() + 5000, rowMode: 'object', maxRows: null } }, Date.now())))
    await vi.advanceTimersByTimeAsync(5000)
    expect([at.asked, at.alarms]).toEqual([[], ['an errand that is not the gate\'s']])
  })
})

describe('that a statement may go on', () => {
  const plansOf = (at: ReturnType<typeof stand>) => at.sealed.filter((one) => (JSON.parse((JSON.parse(one) as { text: string }).text) as { errand: Errand }).errand.op === 'classify').length
  test('is judged by what it was found to be, without an errand, while it runs and no longer', async () => {
    const at = stand()
    const query = queryOf()
    const { running, plan } = await at.begin(query)
    const again = await at.remote.classify(connection, query)
    expect([plansOf(at), again.ok && again.value.effects]).toEqual([1, plan.effects])
    expect(again.ok && again.value.lasting).toBe(true)
    at.end()
    await running
    await at.remote.classify(connection, query)
    expect(plansOf(at)).toBe(2)
  })
  test('is asked anew for another call of the same words, and under another connection', async () => {
    const at = stand()
    const query = queryOf()
    const { running } = await at.begin(query)
    await at.remote.classify(connection, { ...query })
    await at.remote.classify({ ...connection, classify: { 'public.people.email': 'pii.email' } }, query)
    expect(plansOf(at)).toBe(3)
    at.end()
    await running
  })
  test('a plan that is found for the running one can be run by nobody as another\'s', async () => {
    const at = stand()
    const query = queryOf()
    const { running, plan } = await at.begin(query)
    const again = await at.remote.classify(connection, query) as { readonly ok: true; readonly value: Plan & CarriedPlan }
    const permit = makePermit({ ...plan.effects }, { masks: [], revealed: [], detect: [], limits: widest })
    await expect(at.remote.execute(permit, again.value, { deadline: Date.now() + 5000, rowMode: 'object', maxRows: null })).rejects.toThrow('another plan')
    at.end()
    await running
  })
})
