import { expect, test, vi } from 'vitest'
import { createExchanges } from '../../functions/protocol/exchange.ts'
import { TransportError } from '../../functions/protocol/post.ts'

/** A connection whose every act is written down; `stop` holds what the server is told until the test lets it go. */
function world() {
  const acts: string[] = []
  let stopped = (): void => {}
  const exchanges = createExchanges({ stop: () => { acts.push('stop'); return new Promise((done) => { stopped = done }) }, drop: () => { acts.push('drop') }, understood: (error) => new Error(`understood ${String(error)}`) })
  const calls: { resolve(value: string): void; reject(error: unknown): void }[] = []
  const work = () => new Promise<string>((resolve, reject) => { calls.push({ resolve, reject }) })
  return { acts, exchanges, calls, work, stopped: () => stopped(), settle: () => new Promise<void>((done) => { setImmediate(done) }) }
}
const kindOf = (promise: Promise<unknown>) => promise.then(() => 'done', (error: unknown) => (error instanceof TransportError ? `${error.kind}: ${error.message}` : String(error)))
const long = { timeoutMs: 60_000 }

test('gives what the work gives, and what the server refuses in its own words; the next one may follow', async () => {
  const { acts, exchanges, calls, work } = world()
  const [first] = [exchanges.exchange(long, work)]
  calls[0]?.resolve('rows')
  expect(await first).toBe('rows')
  const second = kindOf(exchanges.exchange(long, work))
  calls[1]?.reject('no such table')
  expect(await second).toBe('Error: understood no such table')
  const third = exchanges.exchange(long, work)
  calls[2]?.resolve('again')
  expect([await third, acts]).toEqual(['again', []])
})
test('at the end of the time the server is told to stop before the caller hears of it, and what it says of that is no answer', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  try {
    const { acts, exchanges, calls, work, stopped, settle } = world()
    let heard = ''
    const late = kindOf(exchanges.exchange({ timeoutMs: 300 }, work)).then((kind) => { heard = kind })
    vi.advanceTimersByTime(299)
    expect(acts).toEqual([])
    vi.advanceTimersByTime(1)
    calls[0]?.reject('query was interrupted')
    await settle()
    expect([acts, heard]).toEqual([['stop'], ''])
    stopped()
    await late
    expect([acts, heard]).toEqual([['stop', 'drop'], 'timeout: no answer in time'])
    expect([await kindOf(exchanges.exchange(long, work)), calls.length]).toEqual(['unreachable: the connection was cut', 1])
  } finally { vi.useRealTimers() }
})
test('a cut does the same, once, and a connection that ends because it was stopped was stopped', async () => {
  const { acts, exchanges, work, stopped } = world()
  const cut = new AbortController()
  const ended = kindOf(exchanges.exchange({ timeoutMs: 60_000, cut: cut.signal }, work))
  cut.abort(new Error('locked'))
  exchanges.destroy(new TransportError('unreachable', 'the connection ended'))
  expect(await ended).toBe('cut: locked')
  stopped()
  expect(acts.filter((act) => act === 'stop')).toHaveLength(1)
})
test('what was cut between two begins nothing, and is dropped, so that the server undoes what was begun', async () => {
  const { acts, exchanges, calls, work } = world()
  const cut = AbortSignal.abort(new Error('locked'))
  expect([await kindOf(exchanges.exchange({ timeoutMs: 60_000, cut }, work)), acts, calls.length]).toEqual(['cut: locked', ['drop'], 0])
  expect(await kindOf(exchanges.exchange({ timeoutMs: 60_000, cut }, work))).toBe('cut: locked')
  expect(acts).toEqual(['drop'])
})
test('an end that comes after the answer finds nobody to tell', async () => {
  const { acts, exchanges, calls, work } = world()
  const cut = new AbortController()
  const done = exchanges.exchange({ timeoutMs: 60_000, cut: cut.signal }, work)
  calls[0]?.resolve('rows')
  expect(await done).toBe('rows')
  cut.abort()
  expect(acts).toEqual([])
})
test('one that follows at once is told what becomes of it', async () => {
  const { exchanges, calls, work } = world()
  const both = (async () => { await exchanges.exchange(long, work); return exchanges.exchange(long, work) })()
  calls[0]?.resolve('rows')
  await expect.poll(() => calls, { interval: 1 }).toHaveLength(2)
  exchanges.destroy(new TransportError('too-large', 'past the byte cap'))
  expect(await kindOf(both)).toBe('too-large: past the byte cap')
})
test('a server that answers as it is told to stop has answered: what it did is there', async () => {
  const { acts, exchanges, calls, work, stopped, settle } = world()
  const cut = new AbortController()
  const done = exchanges.exchange({ timeoutMs: 60_000, cut: cut.signal }, work)
  cut.abort()
  calls[0]?.resolve('committed')
  expect(await done).toBe('committed')
  stopped()
  await settle()
  expect(acts).toEqual(['stop', 'drop'])
})
test('a connection that breaks is told to whoever waits, and one that is let go of to nobody', async () => {
  const { exchanges, calls, work } = world()
  const broken = kindOf(exchanges.exchange(long, work))
  exchanges.destroy(new Error('broke off'))
  expect(await broken).toBe('Error: broke off')
  const other = world()
  const whole = other.exchanges.exchange(long, other.work)
  other.calls[0]?.resolve('part')
  other.exchanges.destroy(null)
  expect([await whole, other.acts, calls.length]).toEqual(['part', ['drop'], 1])
})
test('a server that cannot be told to stop is dropped all the same', async () => {
  const acts: string[] = []
  const exchanges = createExchanges({ stop: async () => { throw new Error('no way') }, drop: () => { acts.push('drop') }, understood: (error) => error as Error })
  expect([await kindOf(exchanges.exchange({ timeoutMs: 1 }, () => new Promise(() => {}))), acts]).toEqual(['timeout: no answer in time', ['drop']])
})
test('at its end the server is told, once; what is under way is cut off instead', async () => {
  const idle = world()
  idle.exchanges.end(() => { idle.acts.push('quit') })
  idle.exchanges.end(() => { idle.acts.push('quit') })
  expect([idle.acts, await kindOf(idle.exchanges.exchange(long, idle.work))]).toEqual([['quit'], 'unreachable: the connection was cut'])
  const busy = world()
  const waits = kindOf(busy.exchanges.exchange(long, busy.work))
  busy.exchanges.end(() => { busy.acts.push('quit') })
  expect([await waits, busy.acts]).toEqual(['unreachable: the connection was cut', ['drop']])
})
test('what answers while it is being stopped is the last of its connection: whoever would follow begins nothing that the stop could end, and hears nothing of why', async () => {
  const { acts, exchanges, calls, work, stopped, settle } = world()
  const cut = new AbortController()
  const first = exchanges.exchange({ timeoutMs: 60_000, cut: cut.signal }, work)
  expect(exchanges.over()).toBe(false)
  cut.abort(new Error('locked'))
  calls[0]?.resolve('committed')
  expect([await first, exchanges.over()]).toEqual(['committed', true])
  const second = kindOf(exchanges.exchange(long, work))
  stopped()
  await settle()
  expect([await second, calls.length, acts]).toEqual(['unreachable: the connection was cut', 1, ['stop', 'drop']])
})
test('whoever lets go of one that is being stopped waits for no word of it, and nobody quits it in its words', async () => {
  const { acts, exchanges, calls, work, stopped, settle } = world()
  const cut = new AbortController()
  const first = exchanges.exchange({ timeoutMs: 60_000, cut: cut.signal }, work)
  cut.abort()
  calls[0]?.resolve('committed')
  await first
  exchanges.end(() => { acts.push('quit') })
  stopped()
  await settle()
  expect(acts).toEqual(['stop', 'drop'])
})
