import fc from 'fast-check'
import type { Statement } from '../../../functions/protocol/mysql/ast.ts'
import { units } from '../../../functions/protocol/mysql/ast.ts'

/** Trees as the parser makes them, without spans: every kind of node in every place it may have. */
export const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value, (key, of: unknown) => (key === 'span' ? undefined : of)))

type Node = Readonly<Record<string, unknown>>
const { constant, constantFrom, array, option, oneof, record, boolean } = fc
const some = <T>(one: fc.Arbitrary<T>, minLength = 1, maxLength = 3) => array(one, { minLength, maxLength })
const node = (kind: string, of: Readonly<Record<string, fc.Arbitrary<unknown>>>): fc.Arbitrary<Node> => record({ kind: constant(kind), ...of })
const text = oneof(fc.string({ maxLength: 6 }), fc.string({ unit: 'binary', maxLength: 5 }), constantFrom('', "'", '\\', "\\'", '\0', '\x1a', '`', '/*! */', '-- ', 'é', '日', '🙂', '%', '\\%', '"'))
const name = oneof({ weight: 3, arbitrary: constantFrom('a', 'b', 't', 'users', 'select', 'order') }, { weight: 1, arbitrary: fc.string({ unit: 'binary', minLength: 1, maxLength: 5 }).filter((of) => !/[\0\x1a\ud800-\udfff]|^\s|\s$/.test(of)) }).map((of) => ({ text: of }))
/** One depth for all, or trees within trees grow without end. */
const deepest = { maxDepth: 5, depthIdentifier: 'tree', depthSize: 'small' } as const
const maybe = <T>(one: fc.Arbitrary<T>) => option(one, { nil: null, ...deepest })
const digits = constantFrom('0', '1', '42', '007', '18446744073709551615')

const arbitraries = fc.letrec<Record<string, Node>>((tie) => {
  const e = tie('expression')
  const list = some(e)
  const column = oneof(node('column', { schema: constant(null), table: maybe(name), name }), node('column', { schema: name, table: name, name }))
  const number = node('number', { text: oneof(digits, constantFrom('1.5', '.5', '1e5', '1.5E-3')) })
  const count = oneof(node('number', { text: digits }), constant({ kind: 'parameter', index: 0 }))
  const orders = array(record({ expression: e.filter((of) => of.kind !== 'boolean'), descending: boolean() }), { maxLength: 2 })
  const groups = array(e.filter((of) => of.kind !== 'boolean'), { maxLength: 2 })
  const unit = constantFrom(...units)
  const bound = oneof(constantFrom('unbounded preceding', 'unbounded following', 'current row').map((kind) => ({ kind })), record({ kind: constantFrom('preceding', 'following'), value: e, unit: maybe(unit) }))
  const window = node('window', { base: maybe(name), partitionBy: array(e, { maxLength: 2 }), orderBy: orders, frame: maybe(record({ unit: constantFrom('rows', 'range'), start: bound, end: maybe(bound) })) })
  const call = (of: Readonly<Record<string, fc.Arbitrary<unknown>>>) => node('call', { schema: constant(null), arguments: array(e, { maxLength: 3 }), star: constant(false), distinct: constant(false), over: constant(null), ...of })
  const called = (...names: readonly string[]) => constantFrom(...names).map((of) => ({ text: of }))
  const typed = oneof(constantFrom('char', 'binary', 'signed', 'unsigned', 'decimal', 'double', 'float', 'date', 'datetime', 'time', 'json').map((of) => ({ name: of, size: null, scale: null })), constantFrom({ name: 'decimal', size: 10, scale: 2 }, { name: 'char', size: 3, scale: null }))
  const negated = boolean()
  const leaf = oneof(
    constantFrom<Node>({ kind: 'null' }, { kind: 'boolean', value: true }, { kind: 'parameter', index: 0 }, { kind: 'default', column: null }), number, node('string', { value: text }), column,
    node('bytes', { hex: constantFrom('41', '00FF'), hybrid: boolean() }), constantFrom({ kind: 'temporal', type: 'date', value: '2024-01-31' }, { kind: 'temporal', type: 'timestamp', value: '2024-01-31 10:00:00.5' }),
  )
  const deep = oneof(
    node('unary', { operator: constantFrom('-', '~', 'not'), operand: e }), node('binary', { operator: constantFrom('=', '<=>', '<>', '<', '<=', '>', '>=', '+', '-', '*', '/', 'div', '%', '<<', '>>', '&', '|', '^'), left: e, right: e }),
    node('logical', { operator: constantFrom('and', 'or', 'xor'), operands: some(e, 2) }), node('like', { negated, operand: e, pattern: e, escape: constantFrom('\\', '|', "'", 'é', '🙂') }), node('regexp', { negated, operand: e, pattern: e }),
    node('between', { negated, operand: e, low: e, high: e }), node('in', { negated, operand: e, list: list.filter((of) => of.length > 1 || of[0]?.kind !== 'subquery') }), node('inQuery', { negated, operand: e, query: tie('query') }),
    node('is', { negated, operand: e, test: constantFrom('null', 'true', 'false', 'unknown') }), node('exists', { query: tie('query') }),
    node('quantified', { operator: constantFrom('=', '<>', '<', '>='), quantifier: constantFrom('any', 'all'), operand: e, query: tie('query') }), node('subquery', { query: tie('query') }), node('row', { items: some(e, 2) }),
    node('case', { operand: maybe(e), branches: some(record({ when: e, result: e }), 1, 2), otherwise: maybe(e) }), node('cast', { operand: e, type: typed }), node('transcode', { operand: e, charset: constantFrom('utf8mb4', 'binary') }),
    node('collate', { operand: e, collation: constant('utf8mb4_bin') }), node('shift', { operator: constantFrom('+', '-'), operand: e, amount: e, unit }), node('extract', { unit, operand: e }),
    node('trim', { side: constantFrom('both', 'leading', 'trailing'), remove: maybe(e), operand: e }), node('timestampdiff', { unit, from: e, to: e }), node('default', { column }), node('inserted', { column }),
    call({ name: called('abs', 'concat', 'if', 'left', 'now', 'current_date', 'row_number'), over: maybe(oneof(name, window)) }), call({ schema: name, name }), call({ name: called('count'), star: constant(true), arguments: constant([]) }),
    call({ name: called('count', 'sum', 'min'), arguments: list, distinct: boolean() }), node('groupConcat', { distinct: boolean(), arguments: list, orderBy: orders, separator: text }),
    node('match', { columns: some(column), against: e, mode: constantFrom('natural', 'boolean', 'expansion') }),
  )
  const item = oneof(node('item', { expression: e, name }), node('star', { schema: constant(null), table: name }), node('star', { schema: name, table: name }))
  const table = node('table', { schema: maybe(name), name, alias: constant(null) })
  const join = { kind: constant('join'), left: tie('reference'), right: tie('reference') }
  const jsonPath = constantFrom('$', '$.a', "$.it's")
  const jsonName = { name, type: constantFrom({ name: 'int', size: null, scale: null }, { name: 'varchar', size: 20, scale: null }, { name: 'decimal', size: 5, scale: 1 }) }
  const fallback = maybe(constantFrom({ kind: 'null' }, { kind: 'error' }, { kind: 'default', value: '0' }))
  const jsonColumn = oneof(node('ordinality', { name }), node('value', { ...jsonName, path: jsonPath, onEmpty: fallback, onError: fallback }), node('exists', { ...jsonName, path: jsonPath }), node('nested', { path: jsonPath, columns: some(node('ordinality', { name })) }))
  const tail = { orderBy: orders, limit: maybe(record({ count, offset: maybe(count) })) }
  const lone = { where: maybe(e), orderBy: orders, limit: maybe(record({ count, offset: constant(null) })) }
  const several = { where: maybe(e), orderBy: constant([]), limit: constant(null) }
  const withs = maybe(record({ recursive: boolean(), entries: some(record({ name, columns: array(name, { maxLength: 2 }), query: tie('query') }), 1, 2) }))
  const rows = node('rows', { rows: some(array(e, { maxLength: 2 }), 1, 2) })
  const assignments = some(record({ column, value: e }), 1, 2)
  const insert = { kind: constant('insert'), table, columns: maybe(array(name, { maxLength: 2 })) }
  const change = { with: withs, ignore: boolean() }
  const joined = some(tie('reference'), 2)
  return {
    expression: oneof(deepest, leaf, deep),
    select: node('select', {
      distinct: boolean(), items: fc.tuple(oneof(item, constant({ kind: 'star', schema: null, table: null })), array(item, { maxLength: 2 })).map(([first, rest]) => [first, ...rest]), from: array(tie('reference'), { maxLength: 2 }),
      where: maybe(e), groupBy: groups, rollup: boolean(), having: maybe(e), windows: array(record({ name, window }), { maxLength: 1 }),
    }).map((of) => ({ ...of, rollup: of.rollup === true && Array.isArray(of.groupBy) && of.groupBy.length > 0 })),
    body: oneof(deepest, tie('select'), node('set', { first: tie('operand'), rest: some(record({ operator: constantFrom('union', 'except'), all: boolean(), operand: tie('operand') }), 1, 2) })),
    operand: oneof(deepest, tie('select'), node('set', { first: tie('select'), rest: some(record({ operator: constant('intersect'), all: boolean(), operand: tie('select') }), 1, 2) })),
    query: oneof(deepest, node('query', { with: withs, body: tie('select'), ...tail, locking: constantFrom([], [{ strength: 'update', of: [], wait: 'nowait' }], [{ strength: 'share', of: [], wait: null }]) }), node('query', { with: withs, body: tie('body'), ...tail, locking: constant([]) })),
    reference: oneof(
      deepest, node('table', { schema: maybe(name), name, alias: maybe(name) }), node('derived', { lateral: boolean(), query: tie('query'), alias: name, columns: array(name, { maxLength: 2 }) }),
      record({ ...join, type: constantFrom('inner', 'left', 'right'), natural: constant(false), on: e, using: constant([]) }), record({ ...join, type: constantFrom('inner', 'left', 'right'), natural: constant(false), on: constant(null), using: some(name) }),
      record({ ...join, type: constantFrom('inner', 'left', 'right'), natural: constant(true), on: constant(null), using: constant([]) }), record({ ...join, type: constant('inner'), natural: constant(false), on: constant(null), using: constant([]) }),
      node('jsonTable', { document: e, path: jsonPath, columns: some(jsonColumn), alias: name }),
    ),
    statement: oneof(
      tie('query'), record({ ...insert, replace: constant(false), ignore: boolean(), source: rows, alias: maybe(record({ name, columns: array(name, { maxLength: 2 }) })), onDuplicate: oneof(constant([]), assignments) }),
      record({ ...insert, replace: constant(true), ignore: constant(false), source: oneof(rows, tie('query')), alias: constant(null), onDuplicate: constant([]) }),
      record({ ...insert, replace: constant(false), ignore: boolean(), source: tie('query'), alias: constant(null), onDuplicate: oneof(constant([]), assignments) }),
      node('update', { ...change, from: table.map((of) => [of]), assignments, ...lone }), node('update', { ...change, from: joined, assignments, ...several }),
      node('delete', { ...change, targets: constant(null), from: table.map((of) => [of]), ...lone }), node('delete', { ...change, targets: some(table), from: joined, ...several }),
      node('procedure', { schema: maybe(name), name, arguments: array(e, { maxLength: 2 }) }), node('show', { what: constant('tables'), full: boolean(), schema: maybe(name), like: maybe(text) }), node('show', { what: constant('columns'), full: boolean(), table, like: maybe(text) }),
      node('explain', { format: constantFrom('traditional', 'json'), statement: tie('query') }),
    ),
  }
})
export const statement = arbitraries['statement'] as fc.Arbitrary<unknown> as fc.Arbitrary<Statement>
