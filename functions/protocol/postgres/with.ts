import type { CommonTableExpr, WithClause } from 'libpg-query'
import { unsupported } from '../refused.ts'
import type { Analysis } from './expression.ts'
import { endless } from '../size.ts'
import { scalar, strings } from './names.ts'
import { renamed, type Col, type Cte, type Scope } from './scope.ts'
import { setReadCte } from './from.ts'
import { unasked } from './total.ts'

/**
 * WITH: each name visible to those after it, with RECURSIVE to all of the list, which may then stand in any order; so they are read when first
 * mentioned, and whatever nobody mentions is read at the end, because its writes happen all the same.
 */
export function withClause(a: Analysis, node: WithClause | undefined, level: Scope): Scope {
  if (!node) return level
  const ctes = new Map<string, Cte>()
  const whole: Scope = { ...level, items: [], ctes }
  const entries = (node.ctes ?? []).flatMap((entry) => ('CommonTableExpr' in entry ? [entry.CommonTableExpr] : []))
  for (const entry of entries) {
    const name = entry.ctename ?? ''
    const query = entry.ctequery
    if (!query || ctes.has(name)) throw unsupported('unknown_syntax', `\`${name}\` is named twice in one WITH`, level.frame.span(entry.location))
    const earlier: Scope = { ...level, items: [], ctes: new Map(ctes) }
    const cte: Cte = { state: 'waiting', name, node: query, scope: node.recursive ? whole : earlier, cols: null, again: false }
    entriesOf.set(cte, entry)
    ctes.set(name, cte)
    if (!node.recursive) read(a, cte)
  }
  for (const cte of ctes.values()) if (cte.state === 'waiting') read(a, cte)
  return { ...level, ctes }
}
const entriesOf = new WeakMap<Cte, CommonTableExpr>()

/** Rounds until a recursive query's columns hold no class they did not hold before; classes only grow, so it ends. */
const maxRounds = 50
function read(a: Analysis, cte: Cte): void {
  const entry = entriesOf.get(cte)
  cte.state = 'reading'
  const recursive = cte.scope.ctes.has(cte.name) && 'SelectStmt' in cte.node && cte.node.SelectStmt.op === 'SETOP_UNION' ? cte.node.SelectStmt : null
  for (let round = 0; ; round++) {
    cte.again = false
    if (recursive?.larg && !cte.cols) {   // the first part alone gives the working table its columns
      if (recursive.withClause) throw unsupported('recursive_cte', `\`${cte.name}\` has a WITH of its own; write it as an entry beside it`, null)
      cte.cols = growing(shape(a, entry, a.subquery(a, { SelectStmt: recursive.larg }, cte.scope)))
    }
    const shaped = shape(a, entry, a.subquery(a, cte.node, cte.scope))
    const cols = recursive ? growing(shaped) : shaped
    const settled = !cte.again || JSON.stringify(cols.map(bare)) === JSON.stringify(cte.cols?.map(bare))
    cte.cols = cols
    if (settled) break
    if (round >= maxRounds) throw unsupported('recursive_cte', `\`${cte.name}\` could not be followed`, null)
  }
  cte.state = 'read'
  // Read by two, or where it says so, the server computes all of it.
  if (cte.scope.frame.view) for (const col of cte.cols ?? []) if (col.fails) a.found.use(col.derived, unasked, null)
}
/** Each round may add to what the last one gave. */
const growing = (cols: readonly Col[]): Col[] => cols.map((col) => ({ ...col, size: endless }))
const bare = (col: Col) => [col.name, [...col.texts?.keys() ?? []], [...new Set(col.tags.map((t) => JSON.stringify(t)))].sort(), [...new Set(col.derived.map((t) => JSON.stringify(t)))].sort()]

/** Column names, and what SEARCH and CYCLE add: a path made of the rows' values, so it carries whatever the columns it follows carry. */
function shape(a: Analysis, entry: CommonTableExpr | undefined, cols: readonly Col[]): Col[] {
  const named = renamed(cols, strings(entry?.aliascolnames), null).map((col): Col => ({ ...col, touch: null }))
  const added = (name: string | undefined): Col[] => (name === undefined ? [] : [{ name, tags: [], derived: [], type: 0, origin: null, touch: null }])
  const follows = (list: readonly string[], how: string) => a.found.use(named.filter((col) => list.includes(col.name)).flatMap((col) => [...col.tags, ...col.derived]), how, null)
  const { search_clause: search, cycle_clause: cycle } = entry ?? {}
  if (search) follows(strings(search.search_col_list), 'in a `search` path')
  if (cycle) follows(strings(cycle.cycle_col_list), 'in a `cycle` path')
  const mark = added(cycle?.cycle_mark_column).map((col) => ({ ...col, type: scalar }))
  return [...named, ...added(search?.search_seq_column), ...mark, ...added(cycle?.cycle_path_column)]
}
setReadCte(read)
