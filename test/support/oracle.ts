import { isList, isNode, parseDump, walk, type Node, type Value } from '../oracle/dump.ts'

/** One backend. `notices` are those of the call, in order. Throws ServerError when the server refuses. */
export interface Session {
  run(sql: string): Promise<Ran>
  /** Exactly one statement, by the extended protocol: the server refuses `a; b`, so nobody's text can carry a second one. */
  one(sql: string): Promise<Ran>
}
export interface Ran { readonly rows: readonly Readonly<Record<string, string | null>>[]; readonly notices: readonly Notice[] }
export interface Notice { readonly message: string; readonly detail: string }
export class ServerError extends Error {
  readonly sqlstate: string
  constructor(sqlstate: string, message: string) {
    super(message)
    this.sqlstate = sqlstate
  }
}

/** What the server says a statement reaches: object ids, and attribute numbers where 0 is the whole row and negatives are system columns. */
export interface Said {
  readonly relations: ReadonlyMap<number, Reached>
  /** Every function: called by name, behind an operator, aggregate, window or implicit cast. */
  readonly functions: ReadonlySet<number>
  readonly operators: ReadonlySet<number>
  /** Types whose input and output functions a conversion runs. */
  readonly conversions: ReadonlySet<number>
  /** Of every query in it, also those of CTEs: SELECT 1, UPDATE 2, INSERT 3, DELETE 4, MERGE 5, UTILITY 6 (15 and later). */
  readonly commands: ReadonlySet<number>
  /** The outermost query's visible columns, of each query that returns some (a rule may make several). */
  readonly outputs: readonly Origin[]
}
export interface Reached { readonly select: boolean; readonly insert: boolean; readonly update: boolean; readonly delete: boolean; readonly lock: boolean; readonly read: ReadonlySet<number>; readonly write: ReadonlySet<number> }
export interface Origin { readonly name: string | null; readonly relation: number; readonly column: number }

/** Objects with a smaller oid came with the server. */
export const firstUserOid = 16384

/**
 * Oracle 1: parse analysis and rewriting only; nothing is planned or executed. The statement must be one that PREPARE takes (SELECT, VALUES,
 * INSERT, UPDATE, DELETE, MERGE). Throws ServerError where the server refuses the statement, and leaves the transaction, if one is open, failed.
 */
export async function askRewriter(session: Session, statement: string): Promise<Said> {
  await session.run('SET client_min_messages = log; SET debug_print_rewritten = on; SET debug_pretty_print = off')
  try {
    const { notices } = await session.one(`PREPARE sluice_oracle AS ${statement}`)
    const dumps = notices.filter(({ message }) => message.startsWith('rewritten parse tree'))
    const last = dumps.at(-1)
    if (last === undefined || dumps.length < 2) throw new Error('the server printed no rewritten tree')
    return factsOf(parseDump(last.detail))
  } finally {
    await session.run('DEALLOCATE sluice_oracle').catch(() => {})
    await session.run('RESET debug_print_rewritten; RESET client_min_messages').catch(() => {})
  }
}

/**
 * Oracle 2: runs the statement in a transaction that is rolled back and reads the locks it took: relations with their strongest mode, also
 * those that functions, views, triggers and foreign keys reach. Sequences move all the same; use a throw-away server.
 */
export async function askLocks(session: Session, statement: string): Promise<ReadonlyMap<number, readonly string[]>> {
  await session.run('BEGIN')
  try {
    await session.one(statement)
    const { rows } = await session.run(`SELECT l.relation::text AS oid, array_to_string(array_agg(DISTINCT l.mode ORDER BY l.mode), ',') AS modes FROM pg_catalog.pg_locks l
      JOIN pg_catalog.pg_class c ON c.oid = l.relation WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation' AND c.relkind NOT IN ('i', 'I', 't') AND c.oid >= ${firstUserOid} GROUP BY 1`)
    return new Map(rows.map(({ oid, modes }) => [Number(oid), (modes ?? '').split(',')]))
  } finally {
    await session.run('ROLLBACK')
  }
}

/** What a rewritten tree says. A view that came with the server is counted itself and not looked into. */
export function factsOf(tree: Value): Said {
  const facts = { relations: new Map<number, Reached>(), functions: new Set<number>(), operators: new Set<number>(), conversions: new Set<number>(), commands: new Set<number>(), outputs: [] as Origin[] }
  for (const query of isList(tree) ? tree : [tree]) if (isNode(query) && query.type === 'QUERY') facts.outputs.push(...outputsOf(query))
  walk(tree, (node) => {
    switch (node.type) {
      case 'QUERY': {
        facts.commands.add(numberOf(node, 'commandType'))
        lockMarks(node, facts.relations)
        const view = systemView(node)
        if (view !== null) reach(facts.relations, view)
        return view === null
      }
      case 'RANGETBLENTRY': return enterRelation(node, facts.relations)
      case 'RTEPERMISSIONINFO': reach(facts.relations, node); return true
      case 'COERCEVIAIO': facts.conversions.add(numberOf(node, 'resulttype')); return true
      case 'COERCETODOMAIN': facts.conversions.add(numberOf(node, 'resulttype')); break
    }
    for (const field of functionFields) if (node.fields.has(field)) addOid(facts.functions, node.fields.get(field))
    for (const field of operatorFields) if (node.fields.has(field)) addOid(facts.operators, node.fields.get(field))
    return true
  })
  return facts
}

const functionFields = ['funcid', 'opfuncid', 'aggfnoid', 'winfnoid', 'elemfuncid', 'tsmhandler', 'startInRangeFunc', 'endInRangeFunc'] as const
const operatorFields = ['opno', 'opnos', 'eqop', 'sortop', 'cycleMarkNeop', 'cycle_mark_neop'] as const

function addOid(into: Set<number>, value: Value | undefined): void {
  for (const one of isList(value) ? value : [value]) if (typeof one === 'string' && Number(one) > 0) into.add(Number(one))
}

/** The view's own permissions stand beside it (16 and later) or in its first entry, `old` (15): either way they are counted before it is left out. */
function enterRelation(entry: Node, relations: Map<number, Reached>): boolean {
  if (entry.fields.has('requiredPerms')) reach(relations, entry)
  const view = numberOf(entry, 'relid')
  return !(view > 0 && view < firstUserOid && isNode(entry.fields.get('subquery')))
}
function systemView(query: Node): Node | null {
  const table = query.fields.get('rtable')
  const old = isList(table) ? table[0] : undefined
  if (!isNode(old) || numberOf(old, 'rtekind') !== 0 || !old.fields.has('requiredPerms')) return null
  const alias = old.fields.get('alias')
  return isNode(alias) && alias.fields.get('aliasname') === 'old' && old.fields.get('relkind') === 'v' && numberOf(old, 'relid') < firstUserOid ? old : null
}

const none: Reached = { select: false, insert: false, update: false, delete: false, lock: false, read: new Set(), write: new Set() }
/** Without required permissions an entry is a stand-in (`excluded`, `new`): nothing is reached through it. */
function reach(relations: Map<number, Reached>, entry: Node): void {
  const relation = numberOf(entry, 'relid')
  const permissions = numberOf(entry, 'requiredPerms')
  if (relation === 0 || permissions === 0) return
  const known = relations.get(relation) ?? none
  relations.set(relation, {
    insert: known.insert || (permissions & 1) !== 0, select: known.select || (permissions & 2) !== 0,
    update: known.update || (permissions & 4) !== 0, delete: known.delete || (permissions & 8) !== 0, lock: known.lock,
    read: new Set([...known.read, ...attributes(entry, 'selectedCols')]),
    write: new Set([...known.write, ...attributes(entry, 'insertedCols'), ...attributes(entry, 'updatedCols')]),
  })
}

/** FOR UPDATE and its kin ask for the permission to update: remember that it is a lock, unless the query also updates. */
function lockMarks(query: Node, relations: Map<number, Reached>): void {
  const marks = query.fields.get('rowMarks')
  const table = query.fields.get('rtable')
  if (!isList(marks) || !isList(table)) return
  for (const mark of marks) {
    const entry = isNode(mark) ? table[numberOf(mark, 'rti') - 1] : undefined
    const relation = isNode(entry) ? numberOf(entry, 'relid') || viewIn(entry) : 0
    if (relation > 0) relations.set(relation, { ...relations.get(relation) ?? none, lock: true })
  }
}
/** On 15 a view's entry forgets its oid; the first entry of its query still has it. */
function viewIn(entry: Node): number {
  const subquery = entry.fields.get('subquery')
  const table = isNode(subquery) ? subquery.fields.get('rtable') : undefined
  const old = isList(table) ? table[0] : undefined
  return isNode(old) && old.fields.get('relkind') === 'v' ? numberOf(old, 'relid') : 0
}

function outputsOf(query: Node): Origin[] {
  const list = numberOf(query, 'commandType') === 1 ? query.fields.get('targetList') : query.fields.get('returningList')
  const entries = isList(list) ? list.filter(isNode) : []
  return entries.filter((entry) => entry.fields.get('resjunk') !== 'true').map((entry) => {
    const name = entry.fields.get('resname')
    return { name: typeof name === 'string' ? name : null, relation: numberOf(entry, 'resorigtbl'), column: numberOf(entry, 'resorigcol') }
  })
}

/** `(b 8 9)`: members are attribute numbers plus 7, so that system columns fit. */
function attributes(entry: Node, field: string): number[] {
  const value = entry.fields.get(field)
  return isList(value) && value[0] === 'b' ? value.slice(1).map((member) => Number(member) - 7) : []
}
function numberOf(node: Node, field: string): number {
  const value = node.fields.get(field)
  return typeof value === 'string' ? Number(value) || 0 : 0
}
