import type { Refusal } from '../../../schema/refusal.ts'
import type { Statement } from './ast.ts'
import { unparsable } from './token.ts'

/** Of the whole tree, chains of operators included: what walks over it later may recurse. */
const maxTreeDepth = 400

/** Iterative, because the tree may be as deep as its text is long. */
export function checkDepth(statement: Statement): Refusal | null {
  const rest: { readonly value: unknown; readonly depth: number }[] = [{ value: statement, depth: 0 }]
  for (let one = rest.pop(); one; one = rest.pop()) {
    if (typeof one.value !== 'object' || one.value === null) continue
    const depth = 'kind' in one.value ? one.depth + 1 : one.depth
    if (depth > maxTreeDepth) return unparsable('too_deep', `the statement is nested more than ${maxTreeDepth} deep; put chains of operators into parentheses`)
    for (const value of Object.values(one.value)) rest.push({ value, depth })
  }
  return null
}
