import type { Limits } from '../../schema/effects.ts'
import type { Permit } from '../permit.ts'
import type { Run } from './protocol.ts'

/** The limits of a Permit, and of time no more than is left until `run.until`: whole seconds, at least one, because statements are kept by them. */
export function within({ obligations: { limits } }: Permit, { until }: Pick<Run, 'until'>, now: number): Limits {
  const leftMs = until === undefined ? Infinity : Math.max(1, Math.floor((until - now) / 1000)) * 1000
  return leftMs < limits.timeoutMs ? { ...limits, timeoutMs: leftMs } : limits
}
