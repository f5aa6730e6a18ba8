import type { Span } from '../../../schema/refusal.ts'
import { unsupported } from '../refused.ts'
import type { Body, Query, With } from './ast.ts'
import { columnKey } from './catalog.ts'
import { spanIn } from './effects.ts'
import type { Analysis } from './expression.ts'
import { renamed, type Col, type Cte, type Scope } from './scope.ts'

/** WITH: each name visible to those after it, with RECURSIVE to itself as well. What nobody mentions is read all the same. */
export function withClause(a: Analysis, node: With | null, level: Scope): Scope {
  if (node === null) return level
  const ctes = new Map<string, Cte>()
  const whole: Scope = { ...level, items: [], cols: [], ctes, coming: new Set() }
  for (const { name, columns, query, span } of node.entries) {
    const key = columnKey(name.text)
    a.found.step(node.entries.length)
    if (ctes.has(key)) throw unsupported('unknown_syntax', `\`${name.text}\` is named twice in one WITH`, spanIn(level.frame, span))
    const earlier: Scope = { ...level, items: [], cols: [], ctes: new Map(ctes), coming: new Set(node.entries.slice(ctes.size).map((entry) => columnKey(entry.name.text))) }
    const alias = a.found.alias(name, 'sluice')
    a.found.replace(level.frame, name, { ...name, text: alias })
    const cte: Cte = { state: 'waiting', name: name.text, alias, columns, query, scope: node.recursive ? whole : earlier, recursive: node.recursive, cols: null, again: false }
    ctes.set(key, cte)
    if (!node.recursive) readCte(a, cte)
  }
  for (const cte of ctes.values()) if (cte.state === 'waiting') readCte(a, cte)
  return { ...level, ctes, coming: new Set() }
}

/** Rounds until a recursive query's columns hold no class they did not hold before; classes only grow, so it ends. */
const maxRounds = 50
export function readCte(a: Analysis, cte: Cte): void {
  cte.state = 'reading'
  const span = spanIn(cte.scope.frame, cte.query.span)
  const shape = (cols: readonly Col[]): Col[] => renamed(cols, cte.columns, null, span)
  const read = (query: Query): readonly Col[] => a.found.textless(() => a.query(a, query, { ...cte.scope, items: [], cols: [], outputs: null }))
  const first = cte.recursive ? firstPart(cte.query.body) : null
  if (first !== null) {                                  // the first part alone gives the working table its columns
    if (cte.query.with !== null) throw unsupported('recursive_cte', `\`${cte.name}\` has a WITH of its own; write it as an entry before it`, span)
    cte.cols = shape(read({ kind: 'query', with: null, body: first, orderBy: [], limit: null, locking: [], span: cte.query.span }))
  }
  const begun = cte.cols
  let recurs = false
  for (let round = 0; ; round++) {
    cte.again = false
    const cols = shape(read(cte.query))
    recurs ||= cte.again
    const settled = !cte.again || JSON.stringify(cols.map(bare)) === JSON.stringify(cte.cols?.map(bare))
    cte.cols = cols
    if (settled && recurs) fits(a, begun ?? [], cols, span)
    if (settled) break
    if (round >= maxRounds) throw unsupported('recursive_cte', `\`${cte.name}\` could not be followed`, span)
  }
  cte.state = 'read'
}
/** The first part alone says how wide a column is, and a longer value fails: `select '' union all select ssn …` measures it. What the first part holds itself fits. */
function fits({ found }: Analysis, begun: readonly Col[], cols: readonly Col[], span: Span | null): void {
  for (const [i, col] of cols.entries()) {
    const held = new Set(sorted(begun[i]?.tags ?? []))
    found.use(col.tags.filter((tag) => !held.has(JSON.stringify(tag))), 'in a recursive query, where what is longer than its first part says fails', span)
  }
}
const firstPart = (body: Body): Body | null => (body.kind === 'set' ? body.first : null)
const sorted = (tags: Col['tags']): readonly string[] => [...new Set(tags.map((tag) => JSON.stringify(tag)))].sort()
const bare = (col: Col) => [col.name, [...col.texts?.keys() ?? []], sorted(col.tags), sorted(col.derived)]
