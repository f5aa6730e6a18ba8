import type { Span } from '../../../schema/refusal.ts'

/**
 * The statements that Sluice understands of MySQL 8 and MariaDB, as data. Closed: what has no node here is refused by the parser, so whoever walks this tree with a `switch` over `kind`
 * has seen everything that can run. `span`: UTF-16 offsets in the caller's text; a node made later carries the span of what it replaced. Two writings of one meaning are one node:
 * `a->>'$.b'` is json_unquote(json_extract(a, '$.b')), `TABLE t` is SELECT * FROM t, `VALUES ROW(1)` a UNION ALL of selects, `INSERT … SET` has columns and one row, `!x` is NOT x.
 */
interface At { readonly span: Span }

/** An identifier, unquoted. In the case it was written in. */
export interface Name extends At { readonly text: string }

export type Statement = Query | Insert | Update | Delete | Procedure | Show | Explain

// ---- queries

/** `orderBy` and `limit` belong to the whole body: over a `select` they see its FROM, over a set operation only its output names. */
export interface Query extends At {
  readonly kind: 'query'; readonly with: With | null; readonly body: Body
  readonly orderBy: readonly Order[]; readonly limit: Limit | null; readonly locking: readonly Locking[]
}
/** A `query` as a body or an operand stands in parentheses of its own, and so does a `set` as an operand. */
export type Body = Select | SetOperation | Query
export interface With extends At { readonly recursive: boolean; readonly entries: readonly Entry[] }
/** `columns`: empty when none are named. */
export interface Entry extends At { readonly name: Name; readonly columns: readonly Name[]; readonly query: Query }
/** Left-associative, of one precedence: INTERSECT among UNION and EXCEPT is an operand of its own. Output names are the first operand's. */
export interface SetOperation extends At { readonly kind: 'set'; readonly first: Body; readonly rest: readonly { readonly operator: 'union' | 'except' | 'intersect'; readonly all: boolean; readonly operand: Body }[] }
/** `from`: references joined by commas; empty for none and for DUAL. */
export interface Select extends At {
  readonly kind: 'select'; readonly distinct: boolean; readonly items: readonly (Item | Star)[]; readonly from: readonly Reference[]; readonly where: Expression | null
  readonly groupBy: readonly Expression[]; readonly rollup: boolean; readonly having: Expression | null; readonly windows: readonly { readonly name: Name; readonly window: Window }[]
}
/** `name`: its alias, or what the server would call it (the column as written, else the expression's text; `Name_exp_3` where that cannot be written as a name). */
export interface Item extends At { readonly kind: 'item'; readonly expression: Expression; readonly name: Name }
export interface Star extends At { readonly kind: 'star'; readonly schema: Name | null; readonly table: Name | null }
export interface Order extends At { readonly expression: Expression; readonly descending: boolean }
/** Both are whole numbers or parameters. */
export interface Limit extends At { readonly count: NumberLiteral | Parameter; readonly offset: NumberLiteral | Parameter | null }
export interface Locking extends At { readonly strength: 'update' | 'share'; /** Names of references; empty for all. */ readonly of: readonly Name[]; readonly wait: 'nowait' | 'skip locked' | null }

// ---- table references

export type Reference = Table | Derived | JsonTable | Join
export interface Table extends At { readonly kind: 'table'; readonly schema: Name | null; readonly name: Name; readonly alias: Name | null; /** Indexes that may not choose the order of rows. Never parsed: the analysis says so. */ readonly ignored?: readonly string[] }
export interface Derived extends At { readonly kind: 'derived'; readonly lateral: boolean; readonly query: Query; readonly alias: Name; /** Empty when none are named. */ readonly columns: readonly Name[] }
/** Reads `document`, which may name what stands left of it in FROM. */
export interface JsonTable extends At { readonly kind: 'jsonTable'; readonly document: Expression; readonly path: string; readonly columns: readonly JsonColumn[]; readonly alias: Name }
export type JsonColumn = At & (
  | { readonly kind: 'ordinality'; readonly name: Name }
  | { readonly kind: 'value'; readonly name: Name; readonly type: ColumnType; readonly path: string; readonly onEmpty: JsonFallback | null; readonly onError: JsonFallback | null }
  | { readonly kind: 'exists'; readonly name: Name; readonly type: ColumnType; readonly path: string }
  | { readonly kind: 'nested'; readonly path: string; readonly columns: readonly JsonColumn[] })
export type JsonFallback = { readonly kind: 'null' } | { readonly kind: 'error' } | { readonly kind: 'default'; readonly value: string }
/** `on` and `using` are never both set; `using` is empty for none. `inner` without either is a cross join. A natural join has neither. */
export interface Join extends At {
  readonly kind: 'join'; readonly type: 'inner' | 'left' | 'right'; readonly natural: boolean
  readonly left: Reference; readonly right: Reference; readonly on: Expression | null; readonly using: readonly Name[]
}

// ---- changes

/** `columns`: null when none are named. `alias`: VALUES … AS alias(columns), of MySQL 8.0.19. */
export interface Insert extends At {
  readonly kind: 'insert'; readonly replace: boolean; readonly ignore: boolean; readonly table: Table; readonly columns: readonly Name[] | null; readonly source: Rows | Query
  readonly alias: { readonly name: Name; readonly columns: readonly Name[] } | null; readonly onDuplicate: readonly Assignment[]
}
export interface Rows extends At { readonly kind: 'rows'; readonly rows: readonly (readonly Expression[])[] }
export interface Assignment extends At { readonly column: Column; readonly value: Expression }
/** Several tables where `from` has more than one plain table: then neither `orderBy` nor `limit`. */
export interface Update extends At {
  readonly kind: 'update'; readonly with: With | null; readonly ignore: boolean; readonly from: readonly Reference[]; readonly assignments: readonly Assignment[]
  readonly where: Expression | null; readonly orderBy: readonly Order[]; readonly limit: Limit | null
}
/** `targets`: null for DELETE FROM t, of which `from` is that one table; else aliases or names of references in `from`. */
export interface Delete extends At {
  readonly kind: 'delete'; readonly with: With | null; readonly ignore: boolean; readonly targets: readonly Table[] | null; readonly from: readonly Reference[]
  readonly where: Expression | null; readonly orderBy: readonly Order[]; readonly limit: Limit | null
}
export interface Procedure extends At { readonly kind: 'procedure'; readonly schema: Name | null; readonly name: Name; readonly arguments: readonly Expression[] }

// ---- what is told of the schema

/** `like`: a pattern over the names. DESCRIBE t is SHOW COLUMNS FROM t. */
export type Show = At & { readonly kind: 'show' } & (
  | { readonly what: 'databases'; readonly like: string | null }
  | { readonly what: 'tables'; readonly full: boolean; readonly schema: Name | null; readonly like: string | null }
  | { readonly what: 'columns'; readonly full: boolean; readonly table: Table; readonly like: string | null }
  | { readonly what: 'index'; readonly table: Table }
  | { readonly what: 'create table'; readonly table: Table })
/** Never ANALYZE: nothing is executed. */
export interface Explain extends At { readonly kind: 'explain'; readonly format: 'traditional' | 'json'; readonly statement: Query | Insert | Update | Delete }

// ---- expressions

export type Expression =
  | NullLiteral | BooleanLiteral | NumberLiteral | StringLiteral | BytesLiteral | TemporalLiteral | Parameter | Column | Default | Inserted
  | Unary | Binary | Logical | Like | Regexp | Between | In | InQuery | Is | Exists | Quantified | Subquery | Row | Case | Cast | Transcode | Collate | Shift | Extract | Trim | Elapsed | Call | GroupConcat | Match

export interface NullLiteral extends At { readonly kind: 'null' }
export interface BooleanLiteral extends At { readonly kind: 'boolean'; readonly value: boolean }
/** As written, without a sign: digits, `.` and an exponent. With an exponent it is a double, with a point a decimal, else an integer. */
export interface NumberLiteral extends At { readonly kind: 'number'; readonly text: string }
export interface StringLiteral extends At { readonly kind: 'string'; readonly value: string }
/** Upper-case hex digits, an even number. `hybrid` (`0x41`, `b'1'`): a number where a number is wanted; else `x'41'`, which MariaDB always reads as a string. */
export interface BytesLiteral extends At { readonly kind: 'bytes'; readonly hex: string; readonly hybrid: boolean }
export interface TemporalLiteral extends At { readonly kind: 'temporal'; readonly type: 'date' | 'time' | 'timestamp'; readonly value: string }
/** `?`; `index` counts from 0 in the order of the text. */
export interface Parameter extends At { readonly kind: 'parameter'; readonly index: number }
/** `schema` only with `table`. */
export interface Column extends At { readonly kind: 'column'; readonly schema: Name | null; readonly table: Name | null; readonly name: Name }
/** DEFAULT as a value of INSERT and UPDATE, or DEFAULT(column). */
export interface Default extends At { readonly kind: 'default'; readonly column: Column | null }
/** VALUES(column) in ON DUPLICATE KEY UPDATE: what the row would have had. */
export interface Inserted extends At { readonly kind: 'inserted'; readonly column: Column }

/** `+x` is x to both servers, also where a number is a position. */
export type UnaryOperator = '-' | '~' | 'not'
export interface Unary extends At { readonly kind: 'unary'; readonly operator: UnaryOperator; readonly operand: Expression }
export type Comparison = '=' | '<=>' | '<>' | '<' | '<=' | '>' | '>='
export type Arithmetic = '+' | '-' | '*' | '/' | 'div' | '%' | '<<' | '>>' | '&' | '|' | '^'
export interface Binary extends At { readonly kind: 'binary'; readonly operator: Comparison | Arithmetic; readonly left: Expression; readonly right: Expression }
/** Two operands or more; a chain of one operator is one node. */
export interface Logical extends At { readonly kind: 'logical'; readonly operator: 'and' | 'or' | 'xor'; readonly operands: readonly Expression[] }
/** `escape`: one character; a backslash where the text says nothing. */
export interface Like extends At { readonly kind: 'like'; readonly negated: boolean; readonly operand: Expression; readonly pattern: Expression; readonly escape: string }
export interface Regexp extends At { readonly kind: 'regexp'; readonly negated: boolean; readonly operand: Expression; readonly pattern: Expression }
export interface Between extends At { readonly kind: 'between'; readonly negated: boolean; readonly operand: Expression; readonly low: Expression; readonly high: Expression }
export interface In extends At { readonly kind: 'in'; readonly negated: boolean; readonly operand: Expression; readonly list: readonly Expression[] }
export interface InQuery extends At { readonly kind: 'inQuery'; readonly negated: boolean; readonly operand: Expression; readonly query: Query }
export interface Is extends At { readonly kind: 'is'; readonly negated: boolean; readonly operand: Expression; readonly test: 'null' | 'true' | 'false' | 'unknown' }
export interface Exists extends At { readonly kind: 'exists'; readonly query: Query }
export interface Quantified extends At { readonly kind: 'quantified'; readonly operator: Exclude<Comparison, '<=>'>; readonly quantifier: 'any' | 'all'; readonly operand: Expression; readonly query: Query }
/** A scalar, or one row where a row is compared. */
export interface Subquery extends At { readonly kind: 'subquery'; readonly query: Query }
/** Two items or more. */
export interface Row extends At { readonly kind: 'row'; readonly items: readonly Expression[] }
export interface Case extends At { readonly kind: 'case'; readonly operand: Expression | null; readonly branches: readonly { readonly when: Expression; readonly result: Expression }[]; readonly otherwise: Expression | null }
/** Also `BINARY x` and CONVERT(x, type). */
export interface Cast extends At { readonly kind: 'cast'; readonly operand: Expression; readonly type: CastType }
/** `size`: characters, bytes, digits or digits of a second. `scale` only of decimal. */
export interface CastType { readonly name: 'char' | 'binary' | 'signed' | 'unsigned' | 'decimal' | 'double' | 'float' | 'date' | 'datetime' | 'time' | 'json'; readonly size: number | null; readonly scale: number | null }
/** Of a column of JSON_TABLE. */
export interface ColumnType { readonly name: 'int' | 'bigint' | 'smallint' | 'tinyint' | 'decimal' | 'double' | 'float' | 'char' | 'varchar' | 'text' | 'date' | 'datetime' | 'time' | 'json'; readonly size: number | null; readonly scale: number | null }
/** CONVERT(x USING charset). */
export interface Transcode extends At { readonly kind: 'transcode'; readonly operand: Expression; readonly charset: 'utf8mb4' | 'binary' }
export interface Collate extends At { readonly kind: 'collate'; readonly operand: Expression; /** Of the closed list in words.ts. */ readonly collation: string }

/** `operand + INTERVAL amount unit`; also DATE_ADD, DATE_SUB, ADDDATE, SUBDATE and TIMESTAMPADD. */
export interface Shift extends At { readonly kind: 'shift'; readonly operator: '+' | '-'; readonly operand: Expression; readonly amount: Expression; readonly unit: Unit }
export interface Extract extends At { readonly kind: 'extract'; readonly unit: Unit; readonly operand: Expression }
/** `remove` null: spaces. */
export interface Trim extends At { readonly kind: 'trim'; readonly side: 'both' | 'leading' | 'trailing'; readonly remove: Expression | null; readonly operand: Expression }
/** TIMESTAMPDIFF(unit, from, to). */
export interface Elapsed extends At { readonly kind: 'timestampdiff'; readonly unit: Unit; readonly from: Expression; readonly to: Expression }
export const units = [
  'microsecond', 'second', 'minute', 'hour', 'day', 'week', 'month', 'quarter', 'year', 'second_microsecond', 'minute_microsecond', 'minute_second', 'hour_microsecond',
  'hour_second', 'hour_minute', 'day_microsecond', 'day_second', 'day_minute', 'day_hour', 'year_month',
] as const
export type Unit = (typeof units)[number]

/**
 * A function, an aggregate (`count`, `sum` …) or a window function. `name` is lower case for what has no schema: a built-in, or else a routine of the current database. `star` is
 * COUNT(*). `distinct` only of count, sum, avg, min, max. `over`: the name of a window, or a window.
 */
export interface Call extends At {
  readonly kind: 'call'; readonly schema: Name | null; readonly name: Name; readonly arguments: readonly Expression[]; readonly star: boolean; readonly distinct: boolean; readonly over: Name | Window | null
  /** Of JSON_ARRAYAGG, which MariaDB can sort. Never parsed: the analysis says so. */
  readonly orderBy?: readonly Order[]
}
export interface GroupConcat extends At { readonly kind: 'groupConcat'; readonly distinct: boolean; readonly arguments: readonly Expression[]; readonly orderBy: readonly Order[]; readonly separator: string }
/** Full text. */
export interface Match extends At { readonly kind: 'match'; readonly columns: readonly Column[]; readonly against: Expression; readonly mode: 'natural' | 'boolean' | 'expansion' }

/** `base`: the named window it refines. */
export interface Window extends At { readonly kind: 'window'; readonly base: Name | null; readonly partitionBy: readonly Expression[]; readonly orderBy: readonly Order[]; readonly frame: Frame | null }
export interface Frame extends At { readonly unit: 'rows' | 'range'; readonly start: Bound; readonly end: Bound | null }
export type Bound = { readonly kind: 'unbounded preceding' | 'unbounded following' | 'current row' } | { readonly kind: 'preceding' | 'following'; readonly value: Expression; /** Of an INTERVAL. */ readonly unit: Unit | null }

/** One statement, alone in its text. */
export interface Parsed { readonly statement: Statement; /** How many `?` are in it. */ readonly parameters: number }
