import type { Protocol } from '../../functions/protocol/protocol.ts'
import type { FakeEngine } from '../support/engine.ts'

/** What becomes of one execution: it runs; the target refuses; its answer is lost, with the effect or without; the driver throws, after the effect. */
export type Happening = 'runs' | 'refused' | 'lost with effect' | 'lost without effect' | 'throws'

/**
 * A target behind the engine's promise: execution is a step of the schedule, never begins after its deadline, and answers `stale` where the objects are
 * other than they were classified. `runs` are executions that had an effect, whoever asked them.
 */
export function createTarget(engine: FakeEngine, { now, turn, happenings }: { readonly now: () => number; readonly turn: (label: string) => Promise<unknown>; readonly happenings: readonly Happening[] }) {
  const left = [...happenings]
  const runs: { readonly by: string; readonly at: number }[] = []
  const taken: Happening[] = []
  let fingerprint = '0'.repeat(64)
  let alteredAt = Infinity
  /** `null` where nothing was reached. */
  const reach = (by: string): void => { runs.push({ by, at: now() }) }
  const refusal = (slug: 'target-error' | 'timeout' | 'outcome-unknown' | 'denied', reason: string) => ({ slug, reason, detail: `the target said ${reason}`, next: 'none' } as const)

  function of(alive: () => boolean, name: string): Protocol {
    return {
      ...engine,
      async classify(connection, query) {
        if (!alive()) return never
        await turn(`${name} target: classify`)
        if (!alive()) return never
        const plan = await engine.classify(connection, query)
        return plan.ok ? { ok: true, value: { ...plan.value, effects: { ...plan.value.effects, fingerprint } } } : plan
      },
      async execute(permit, plan, run) {
        if (!alive()) return never
        await turn(`${name} target: execute`)
        const answer = await take(name, permit, plan, run)
        await turn(`${name} target: answers`)
        if (!alive()) return never
        return answer()
      },
    }
  }

  async function take(name: string, ...[permit, plan, run]: Parameters<Protocol['execute']>): Promise<() => Awaited<ReturnType<Protocol['execute']>>> {
    if (now() > run.deadline) return () => ({ status: 'failed', refusal: refusal('timeout', 'too_late') })
    if (plan.effects.fingerprint !== fingerprint) return () => ({ status: 'stale', refusal: { ...refusal('denied', 'objects_changed'), next: 'retry' } })
    const how = left.shift() ?? 'runs'
    taken.push(how)
    switch (how) {
      case 'runs': { reach(name); const executed = await engine.execute(permit, plan, run); return () => executed }
      case 'refused': return () => ({ status: 'failed', refusal: refusal('target-error', 'unique_violation') })
      case 'lost with effect': reach(name); return () => ({ status: 'unknown', refusal: refusal('outcome-unknown', 'connection_lost') })
      case 'lost without effect': return () => ({ status: 'unknown', refusal: refusal('outcome-unknown', 'connection_lost') })
      case 'throws': reach(name); return () => { throw new Error('a driver that keeps no promise') }
    }
  }
  return { engine: of, runs, taken, /** An object is another from now on. */ alter: () => { fingerprint = 'b'.repeat(64); alteredAt = now() }, alteredAt: () => alteredAt, calm: () => { left.length = 0 } }
}
const never = new Promise<never>(() => undefined)
