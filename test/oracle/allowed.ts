import { functionNames } from '../../functions/protocol/postgres/builtins.ts'
import type { Routine } from './names.ts'

/** Names that look objects up by text or tell what exists, whatever way they are reached. */
const lookups = /^reg(class|namespace|oper|operator|proc|procedure|role|type|collation|dictionary|database)(in|out)?$/
/** What the server puts in by itself for TABLESAMPLE, window ranges and SEARCH BREADTH FIRST. */
const implied: ReadonlySet<string> = new Set(['bernoulli', 'system', 'in_range', 'int8inc'])

/**
 * A built-in function that needs no access: one on the analysis's own allow-list, or one the server put behind a built-in operator or cast. Not on
 * it: everything of the user's, and what the allow-list's author left out.
 */
export function isAllowed({ builtin, name, behind }: Routine): boolean {
  if (!builtin || lookups.test(name)) return false
  return functionNames.has(name) || behind !== 'call' || implied.has(name)
}
