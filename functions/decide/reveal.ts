import type { Access, Used } from '../../schema/effects.ts'
import { covers, enough, holds, type Judge, type Permitted } from './access.ts'
import { glob } from './pattern.ts'

/**
 * Showing a classified column in clear is an access of its own, decided only by rules that say `reveal`, and by nothing else: not by an allow,
 * however wide. Classes follow the data, so the rule must name the table that holds it, whatever view the statement came through.
 */
export type Revealed =
  | ({ readonly kind: 'clear' } & Permitted)
  /** A person can make it clear; until then it is masked. */
  | ({ readonly kind: 'asks' } & Permitted)
  | { readonly kind: 'masked' }

/** `accesses`: of the call. Of a cluster the first says of which namespace and name the answer is, and a rule reveals only those it covers. */
export function judgeReveal(judge: Judge, item: Pick<Used, 'dataClass' | 'resource' | 'column'>, accesses: readonly Access[]): Revealed {
  const found = judge.roles.find(judge.connection, 'reveal', item.resource, judge.system.get(item.resource) ?? false, judge.form)
  const rules = found.reveal.filter((rule) => rule.classes.some((pattern) => glob(pattern, item.dataClass))
    && (rule.columns === null || rule.columns.some((pattern) => glob(pattern, item.column))) && covers(rule, accesses[0]?.target) && holds(judge, rule, 'reveal', item.resource))
  const settled = enough(judge, rules)
  if (!settled) return { kind: 'masked' }
  return { ...settled, kind: settled.demands.length === 0 ? 'clear' : 'asks' }
}
