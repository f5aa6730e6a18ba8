import { describe, expect, test } from 'vitest'
import { Fault, type Pointer, type PolicyStore } from '../../functions/ports.ts'
import { createStanding } from '../../functions/resolve/standing.ts'
import type { Bundle } from '../../schema/policy.ts'

/** A store whose every answer the test decides; what it does not use throws. */
function world() {
  const state = { now: 1_000_000, reads: 0, loads: 0, compiled: 0, broken: false, alarms: [] as string[], pointer: async (): Promise<Pointer | null> => at('v1'), load: async (): Promise<Bundle> => ({ documents: [] }) }
  const no = () => { throw new Error('not here') }
  const policies: PolicyStore = { pointer: () => { state.reads++; return state.pointer() }, load: (version) => { state.loads++; loaded = version; return state.load() }, apply: no, lock: no, unlock: no }
  let loaded = ''
  const standing = createStanding({ now: () => state.now, policies, alarm: (what) => { state.alarms.push(what) } }, () => { state.compiled++; if (loaded === 'bad') throw new Fault('policy-corrupt', 'no policy'); if (state.broken) throw new Error('EMFILE: too many open files'); return loaded })
  const current = async () => { const got = await standing.current(); return got.ok ? `${got.value.policy}${got.value.locks.map((lock) => `+${lock.target}`).join('')}` : got.refusal.reason }
  return { state, current, standing }
}
const at = (version: string, ...locks: string[]): Pointer => ({ version, chunks: 1, appliedAt: '', appliedBy: '', commit: null, locks: locks.map((target) => ({ target, by: 'x', at: '', reason: null, until: null })) })
const down = async (): Promise<never> => { throw new Fault('store-unavailable', 'down') }

describe('while the store answers', () => {
  test('a copy up to 2 s old costs no read; an older one costs one, and no load while the version stands', async () => {
    const { state, current } = world()
    expect(await current()).toBe('v1')
    state.now += 2000
    expect(await current()).toBe('v1')
    expect([state.reads, state.loads]).toEqual([1, 1])
    state.now += 1
    expect(await current()).toBe('v1')
    expect([state.reads, state.loads, state.compiled]).toEqual([2, 1, 1])
  })
  test('a lock and another version are seen by whoever comes 2 s later', async () => {
    const { state, current } = world()
    await current()
    state.pointer = async () => at('v1', 'everything')
    state.now += 2001
    expect(await current()).toBe('v1+everything')
    state.pointer = async () => at('v2')
    state.now += 2001
    expect(await current()).toBe('v2')
  })
  test('many who come at once share one read', async () => {
    const { state, current } = world()
    expect(new Set(await Promise.all(Array.from({ length: 50 }, current)))).toEqual(new Set(['v1']))
    expect([state.reads, state.loads]).toEqual([1, 1])
  })
  test('a process that slept for an hour reads before it decides', async () => {
    const { state, current } = world()
    await current()
    state.pointer = async () => at('v1', 'everything')
    state.now += 3_600_000
    expect(await current()).toBe('v1+everything')
  })
  test('a process that slept between asking and hearing asks again', async () => {
    const { state, current } = world()
    state.pointer = async () => { state.pointer = async () => at('v1', 'everything'); state.now += 60_000; return at('v1') }
    expect(await current()).toBe('v1+everything')
    expect(state.reads).toBe(2)
  })
  test('a clock that jumps back makes no copy young', async () => {
    const { state, current } = world()
    await current()
    state.pointer = async () => at('v1', 'everything')
    state.now -= 60_000
    expect(await current()).toBe('v1+everything')
  })
})

describe('while it does not', () => {
  test('the copy serves until it is 5 s old, then there is a refusal, and it recovers by itself', async () => {
    const { state, current } = world()
    await current()
    state.pointer = down
    state.now += 5000
    expect(await current()).toBe('v1')
    state.now += 1
    expect(await current()).toBe('policy_unreadable')
    state.pointer = async () => at('v2')
    expect(await current()).toBe('v2')
  })
  test('a store that hangs is given up after a second', async () => {
    const { state, current } = world()
    state.pointer = () => new Promise<never>(() => {})
    expect(await current()).toBe('policy_unreadable')
  })
  test('an empty store says so, also where there was a policy', async () => {
    const { state, current, standing } = world()
    await current()
    state.pointer = async () => null
    state.now += 2001
    expect(await current()).toBe('no_policy')
    expect(await standing.current()).toMatchObject({ refusal: { slug: 'policy-unavailable', detail: expect.stringContaining('--bootstrap') } })
  })
  test('a corrupt version alarms once, is never served, and locks set meanwhile hold', async () => {
    const { state, current } = world()
    await current()
    state.pointer = async () => at('v2', 'role:x')
    state.load = async () => { throw new Fault('policy-corrupt', 'a chunk is gone') }
    state.now += 2500
    expect(await current()).toBe('v1+role:x')
    state.now += 2501
    expect(await current()).toBe('policy_corrupt')
    expect(await current()).toBe('policy_corrupt')
    expect([state.alarms.length, state.loads]).toEqual([1, 3])
    state.load = async () => ({ documents: [] })
    state.now += 2001
    expect(await current()).toBe('v2+role:x')
  })
  test('so does a version that does not compile', async () => {
    const { state, current } = world()
    state.pointer = async () => at('bad')
    expect(await current()).toBe('policy_corrupt')
    expect(state.alarms).toEqual(['policy version refused'])
  })
  test('what fails here while a sound version is made ready is no corruption: it is said once, tried again 2 s later, and decides nothing meanwhile', async () => {
    const { state, current } = world()
    state.broken = true
    expect([await current(), await current(), state.compiled]).toEqual(['policy_unreadable', 'policy_unreadable', 1])
    state.now += 2000
    expect([await current(), state.compiled, state.alarms]).toEqual(['policy_unreadable', 2, ['unexpected error']])
    state.broken = false
    state.now += 2000
    expect(await current()).toBe('v1')
  })
  test('chunks that cannot be reached are no corruption', async () => {
    const { state, current } = world()
    state.load = down
    expect(await current()).toBe('policy_unreadable')
    expect(state.alarms).toEqual([])
  })
})
