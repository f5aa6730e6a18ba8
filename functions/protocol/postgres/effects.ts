import type { Access, Used } from '../../../schema/effects.ts'
import type { ActionName } from '../../../schema/policy.ts'
import type { Refusal, Span } from '../../../schema/refusal.ts'
import type { Length } from './beside.ts'
import type { Catalog, CatalogFunction, Column, Relation } from './catalog.ts'
import type { Classes, Tag } from './classes.ts'
import type { Weight } from './heavy.ts'
import type { Written } from './writeback.ts'

/**
 * Thrown inside one statement's analysis and caught in classify.ts alone: the analysis is a recursive walk, and a refusal ends all of it at once.
 * `missing`: the name does not exist here. The accesses found so far, the missing one among them, are decided first, so that who may not name it
 * hears the same as for one that exists; only who may hears `target-error`.
 */
export class Refused extends Error {
  readonly refusal: Refusal
  readonly missing: boolean
  constructor(refusal: Refusal, missing = false) {
    super(refusal.detail)
    this.refusal = refusal
    this.missing = missing
  }
}
const spanned = (span: Span | null): { span?: Span } => (span ? { span } : {})
export const unsupported = (reason: string, detail: string, span: Span | null): Refused => new Refused({ slug: 'statement-unsupported', reason, detail, next: 'fix', ...spanned(span) })
export const missing = (sqlstate: string, detail: string, span: Span | null): Refused => new Refused({ slug: 'target-error', reason: 'undefined_name', detail, next: 'fix', sqlstate, ...spanned(span) }, true)

export const unknownFunction = (name: string, span: Span | null): Refused =>
  unsupported('unknown_function', `function \`${name}\` is not one the gate knows to be harmless; built-in functions that only compute pass, and those of the target where a \`call\` rule of yours names them`, span)
export const unknownType = (name: string, span: Span | null): Refused =>
  unsupported('unknown_type', `type \`${name}\` is not one the gate knows to be harmless; plain ones such as text, numeric, timestamptz and jsonb pass`, span)

/** Told like a missing name, to whoever may have what was found so far: what a table has is not anybody's to know. */
export const withheld = (reason: string, detail: string, span: Span | null): Refused => new Refused({ slug: 'statement-unsupported', reason, detail, next: 'fix', ...spanned(span) }, true)
const tooWide = (detail: string, span: Span | null): Refused => withheld('too_wide', detail, span)

/** Whose text is being read: the caller's, or a view's on its way. Names resolve by its path, places are told by its span. */
export interface Frame {
  readonly via: readonly string[]
  readonly path: readonly string[]
  readonly span: (byte: number | undefined) => Span | null
  readonly view: boolean
  /** It reads with the rights of the role that runs the statement, not of a view's owner. */
  readonly invoker: boolean
  /** It is row security's, or of a view that row security reads. */
  readonly policy?: boolean
}
/** As many as the server takes in one select list (MaxTupleAttributeNumber), and what all FROM items and select lists of a statement may bring. */
const maxListColumns = 1664
const maxColumns = 100_000

interface Reading { readonly action: ActionName; readonly resource: string; columns: Set<string> | null; readonly system: boolean; readonly via: readonly string[]; readonly part: boolean; readonly span: Span | null }
export interface Handle { read(column: string): void }

export const isSystem = (schema: string): boolean => schema === 'information_schema' || /^pg_/.test(schema)

/** Everything one statement was found to do. */
export class Findings {
  readonly catalog: Catalog
  readonly classes: Classes
  readOnly = true
  readonly #accesses = new Map<string, Reading>()
  readonly #used = new Map<string, Used>()
  readonly relations = new Map<number, { readonly relation: Relation; written: boolean }>()
  /** For the guard: names looked up on the path, and objects reached without one. */
  readonly names = { schemas: new Set<string>(), relations: new Set<string>(), functions: new Set<string>(), operators: new Set<string>(), types: new Set<string>() }
  readonly functions = new Set<number>()
  readonly types = new Set<number>()
  /** Relations in the order FROM reached them, for row locks. */
  readonly log: { readonly relation: Relation; readonly frame: Frame }[] = []
  /** While a view's select list is read: what an expression is computed from belongs to that output, not to the statement. */
  sink: Tag[] | null = null
  /** Something that may fail went into it. */
  sinkFails = false
  /** What views compute that may fail: a statement that writes or locks takes whole rows of them, asked for or not. */
  readonly computing: Tag[] = []
  /** Whether a column that holds or shows classified data was named at all, also where no value of it can tell anything: the server asks for the right to read it. */
  classifiedRead = false
  /** While an expression that gives a column its value is read: the constants and parameters in it. null: nobody asks. */
  texts: Map<string | number, Span | null> | null = null
  readonly written: Written[] = []
  /** Parameters whose length matters. */
  readonly lengths: Length[] = []
  /** Parameters that may be so long where no time limit holds. */
  readonly heavy: Weight[] = []
  /** Rows must come as they lie in the table: an index might give them in the order of a classified column. */
  heapOrder = false
  /** A table has an index that gives a classified column in its order, under a mask that tells values apart: once such a column is read, rows must come as they lie. */
  sorted = false
  shownRead = false
  #columns = 0

  constructor(catalog: Catalog, classes: Classes) {
    this.catalog = catalog
    this.classes = classes
  }

  access(action: ActionName, schema: string, name: string, frame: Frame, span: Span | null, columns: boolean, part = false): Handle {
    if (schema.includes('.') || name.includes('.')) throw unsupported('ambiguous_name', 'a name with a dot in it cannot be told apart in a policy', span)
    const resource = `${schema}.${name}`
    const key = JSON.stringify([action, resource, frame.via, part])
    let reading = this.#accesses.get(key)
    if (!reading) this.#accesses.set(key, reading = { action, resource, columns: columns ? new Set() : null, system: isSystem(schema), via: frame.via, part, span })
    const { columns: read } = reading
    return { read: (column) => { read?.add(column) } }
  }
  reach(relation: Relation, written: boolean): void {
    const there = this.relations.get(relation.oid)
    if (there) there.written ||= written
    else this.relations.set(relation.oid, { relation, written })
  }
  /** A call of a function that nobody has judged harmless. What it does is what its `call` rule vouches for. */
  call(fn: CatalogFunction, frame: Frame, span: Span | null): void {
    if (isSystem(fn.schema)) throw unknownFunction(fn.name, span)
    this.functions.add(fn.oid)
    this.access('call', fn.schema, fn.name, frame, span, false)
    if (fn.volatility === 'v') this.readOnly = false
  }
  use(tags: readonly Tag[], how: string, span: Span | null): void {
    if (this.sink) { this.sink.push(...tags); return }
    for (const tag of tags) {
      const key = JSON.stringify([tag.dataClass, tag.resource, tag.column, how, span?.start])
      if (!this.#used.has(key)) this.#used.set(key, { ...tag, statement: 0, how, span })
    }
  }
  back(use: Used): void {
    this.#used.set(JSON.stringify([use.dataClass, use.resource, use.column, use.back, use.span?.start]), use)
  }
  /** The constants and parameters that `work` puts into a value; those of whatever is around it are not touched. */
  textsOf<T>(work: () => T): readonly [T, ReadonlyMap<string | number, Span | null>] {
    const outer = this.texts
    const inner = this.texts = new Map<string | number, Span | null>()
    const result = work()
    this.texts = outer
    return [result, inner]
  }
  /** A column that nobody has looked at may be read and set by nobody. Of one behind a view, only the view is named. */
  looked(relation: Relation, column: Column, frame: Frame): void {
    if (!this.classes.came(relation, column)) return
    const [view] = frame.via
    const what = view === undefined ? `\`${column.name}\` of \`${relation.schema}.${relation.name}\`` : `a column that \`${view}\` reads`
    throw withheld('column_unclassified', `${what} came after the policy was applied and nobody has said what it holds; name other columns, until the connection's \`classify\` gives it a class or \`none\``, null)
  }
  /** Called before `count` more columns are gone through: forty CTEs that each name the one before twice are 2^40 of them. */
  bring(count: number, span: Span | null): void {
    this.#columns += count
    if (this.#columns > maxColumns) throw tooWide(`the statement goes through more than ${maxColumns} columns; name the ones you need`, span)
  }
  list(count: number, span: Span | null): void {
    if (count > maxListColumns) throw tooWide(`a select list has at most ${maxListColumns} entries`, span)
  }
  get accesses(): Access[] {
    return [...this.#accesses.values()].map(({ columns, part, ...rest }) => ({ ...rest, columns: columns ? [...columns].sort() : null, statement: 0, ...(part ? { part: true as const } : {}) }))
  }
  get used(): Used[] { return [...this.#used.values()] }
}
