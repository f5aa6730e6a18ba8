import fc from 'fast-check'
import { Fault, type Ports } from '../../functions/ports.ts'

/**
 * What becomes of one call to a store. `not stored`: it fails and nothing happened. `stored`: it happened, and the answer is lost. `late`: the caller is
 * told of a failure, and the write arrives later, as if it had waited in a switch: some steps after, among the steps of whoever came then.
 */
export type Fate = 'fine' | 'not stored' | 'stored' | 'late'

/** Fates for the calls of one run, in the order in which they reach the store; those after the last are fine. */
export const fates = (most = 40): fc.Arbitrary<readonly Fate[]> =>
  fc.array(fc.oneof({ weight: 7, arbitrary: fc.constant('fine' as const) }, { weight: 1, arbitrary: fc.constantFrom('not stored', 'stored', 'late') }), { maxLength: most })

/** One process: its own ports over the stores that all share. */
export interface Actor<P> {
  readonly ports: P
  /** From now on it takes no step and hears no answer, as after kill -9; what it sent before may still arrive. */
  kill(): void
}
export interface Schedule {
  /** Wraps `ledger`, `approvals.requests` and `approvals.workflow`; everything else is passed on as it is. */
  actor<P extends Pick<Ports, 'ledger' | 'approvals'>>(name: string, ports: P): Actor<P>
  /** From now on every call is fine: what the sweepers must then set right. */
  calm(): void
  /** What reached the stores, in order: `a requests.swap: stored`. */
  readonly steps: readonly string[]
}

/**
 * Makes each call to a store two steps that fast-check orders: its arrival, where it takes effect or not, and its answer. Between them anybody else may
 * come. The stores below must take effect within a few microtasks (the twins of test/support do).
 */
export function createSchedule(scheduler: fc.Scheduler, given: readonly Fate[]): Schedule {
  const left = [...given]
  const steps: string[] = []
  const turn = (label: string) => scheduler.schedule(Promise.resolve(), label)

  function wrap<T extends object>(store: T, name: string, alive: () => boolean): T {
    const wrapped = Object.entries(store as Readonly<Record<string, (...args: unknown[]) => Promise<unknown>>>).map(([method, run]) => {
      const label = `${name}.${method}`
      const step = async (...args: unknown[]): Promise<unknown> => {
        if (!alive()) return await never
        await turn(label)                                           // sent before it was killed: it arrives all the same
        const fate = left.shift() ?? 'fine'
        steps.push(`${label}: ${fate}`)
        const answer = await take(fate, () => run.apply(store, args), label)
        await turn(`${label} answers`)
        if (!alive()) return await never
        return answer()
      }
      return [method, step] as const
    })
    return Object.fromEntries(wrapped) as T
  }

  /** Lets the call take effect as its fate says; gives what the caller will hear. */
  async function take(fate: Fate, run: () => Promise<unknown>, label: string): Promise<() => unknown> {
    switch (fate) {
      case 'fine': return await heard(run)
      case 'not stored': return lost
      case 'stored': await heard(run); return lost
      case 'late': void turn(`${label} arrives late`).then(() => { steps.push(`${label}: arrives late`); return heard(run) }); return lost
    }
  }

  return {
    actor(name, ports) {
      let alive = true
      const is = () => alive
      const approvals = ports.approvals && {
        ...ports.approvals, requests: wrap(ports.approvals.requests, `${name} requests`, is), workflow: wrap(ports.approvals.workflow, `${name} workflow`, is),
      }
      return { ports: { ...ports, ledger: wrap(ports.ledger, `${name} ledger`, is), approvals }, kill: () => { alive = false } }
    },
    calm: () => { left.length = 0 },
    steps,
  }
}

const never = new Promise<never>(() => undefined)

async function heard(run: () => Promise<unknown>): Promise<() => unknown> {
  try {
    const value = await run()
    return () => value
  } catch (error) {
    return () => { throw error }
  }
}

function lost(): never {
  throw new Fault('store-unavailable', 'the answer did not come')
}
