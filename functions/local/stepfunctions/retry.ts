import type { Task } from './definition.ts'

/** `States.TaskFailed` is every failure but running out of time; `States.ALL` is every one. */
const matches = (names: readonly string[], error: string): boolean =>
  names.some((name) => name === error || name === 'States.ALL' || (name === 'States.TaskFailed' && error !== 'States.Timeout'))

/** Whether and when a failed step is tried again: which retrier's count goes up, and after how many ms. null: no more. */
export function retryOf(task: Task, error: string, retries: readonly number[], random: () => number): { readonly retrier: number; readonly afterMs: number } | null {
  const retrier = task.Retry.findIndex(({ ErrorEquals }) => matches(ErrorEquals, error))
  const rule = task.Retry[retrier]
  const used = retries[retrier] ?? 0
  if (!rule || used >= rule.MaxAttempts) return null
  const seconds = Math.min(rule.IntervalSeconds * rule.BackoffRate ** used, rule.MaxDelaySeconds ?? Infinity, 99999999)
  return { retrier, afterMs: Math.ceil(seconds * 1000 * (rule.JitterStrategy === 'FULL' ? random() : 1)) }
}

export const catchOf = (task: Task, error: string): Task['Catch'][number] | null => task.Catch.find(({ ErrorEquals }) => matches(ErrorEquals, error)) ?? null
