import type { Statement } from './ast.ts'

/**
 * A view may read by an index over a classified column, which no hint keeps out from here. Where the order of its rows can show in nothing but the order of the answer, the answer is shuffled: RAND() is the last
 * key it is sorted by. null: it could show elsewhere, in which rows a LIMIT inside takes, in what an aggregate or a window strings together, in which row speaks for a group.
 */
export function shuffled(statement: Statement, views: readonly Statement[]): Statement | null {
  if (statement.kind !== 'query' || statement.body.kind !== 'select' || statement.body.distinct || statement.locking.length > 0) return null
  if ([{ ...statement, limit: null }, ...views].some(showsOrder)) return null
  const { span } = statement
  const random = { kind: 'call', schema: null, name: { text: 'rand', span }, arguments: [], star: false, distinct: false, over: null, span } as const
  return { ...statement, orderBy: [...statement.orderBy, { expression: random, descending: false, span }] }
}
const stringing: ReadonlySet<string> = new Set(['json_arrayagg', 'json_objectagg', 'any_value'])
/** Iterative, over every node there is; whatever is not known here to keep order to itself is found by its field. */
function showsOrder(root: Statement): boolean {
  const todo: unknown[] = [root]
  while (todo.length > 0) {
    const node = todo.pop()
    if (typeof node !== 'object' || node === null) continue
    if (Array.isArray(node)) { todo.push(...node); continue }
    const fields: Readonly<Record<string, unknown>> = { ...node }
    if (fields['kind'] === 'groupConcat' || (Array.isArray(fields['groupBy']) && fields['groupBy'].length > 0)) return true
    if ((fields['limit'] ?? null) !== null || (fields['over'] ?? null) !== null || fields['recursive'] === true) return true
    if (fields['kind'] === 'call' && stringing.has(nameOf(fields['name']))) return true
    todo.push(...Object.values(fields))
  }
  return false
}
const nameOf = (name: unknown): string => (typeof name === 'object' && name !== null && 'text' in name && typeof name.text === 'string' ? name.text.toLowerCase() : '')
