import type { Access, Used } from '../../../schema/effects.ts'
import type { ActionName } from '../../../schema/policy.ts'
import type { Refusal, Span } from '../../../schema/refusal.ts'
import type { Seen } from '../../../schema/request.ts'
import { aliases, type Alias } from './alias.ts'
import { systemSchemas, type Catalog, type Column, type Relation, type Routine } from './catalog.ts'
import type { Classes, Tag } from './classes.ts'
import type { Expression } from './ast.ts'
import type { Size, Weight } from './heavy.ts'
import type { Written } from './writeback.ts'

/**
 * Thrown inside one statement's analysis and caught in classify.ts alone: the analysis is a recursive walk, and a refusal ends all of it at once. `missing`: the name does not exist here. The accesses
 * found so far, the missing one among them, are decided first, so that who may not name it hears the same as for one that exists; only who may hears `target-error`.
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
/** Told like a missing name, to whoever may have what was found so far: what a table has is not anybody's to know. */
export const withheld = (reason: string, detail: string, span: Span | null): Refused => new Refused({ slug: 'statement-unsupported', reason, detail, next: 'fix', ...spanned(span) }, true)

/** Whose text is being read: the caller's, or a view's on its way. */
export interface Frame {
  readonly via: readonly string[]
  /** The schema of a name without one. */
  readonly schema: string
  /** Where a view's text is: told of all that is in it. null: the node's own place. */
  readonly place: Span | null
  readonly view: boolean
  /** It reads with the rights of the account that runs the statement, not of a view's definer. */
  readonly invoker: boolean
}
export const spanIn = (frame: Frame, span: Span): Span | null => (frame.view ? frame.place : span)

/** What all FROM items and select lists of a statement may bring: forty CTEs that each name the one before twice are 2^40 columns. */
const maxColumns = 100_000
/** Names looked up, nodes gone through, tried orders: what an ordinary statement needs some hundred of. A gate that thinks about one statement for seconds answers nobody else. */
const maxSteps = 400_000
/** As many as the server takes in one table or select list. */
const maxListColumns = 4096

interface Reading { readonly action: ActionName; readonly resource: string; columns: Set<string> | null; readonly via: readonly string[]; readonly span: Span | null }
export interface Handle { read(column: string): void }
export const isSystem = (schema: string): boolean => systemSchemas.has(schema.toLowerCase())

/** Everything one statement was found to do. */
export class Findings {
  readonly catalog: Catalog
  readonly classes: Classes
  /** The name a reference is printed under. */
  readonly alias: Alias
  readOnly = true
  readonly #accesses = new Map<string, Reading>()
  readonly #used = new Map<string, Used>()
  readonly relations = new Map<string, { readonly relation: Relation; named: boolean; written: boolean }>()
  readonly routines = new Map<string, Routine>()
  /** Relations in the order FROM reached them, for row locks. */
  readonly log: { readonly relation: Relation; readonly frame: Frame }[] = []
  /** While a view's select list is read: what an expression is computed from belongs to that output, not to the statement. */
  sink: Tag[] | null = null
  /** What views compute of classified columns: a statement that writes or locks takes whole rows of them, asked for or not. */
  readonly computing: Tag[] = []
  classifiedRead = false
  /** What the caller may see; null where nobody has said. */
  readonly seen: readonly Seen[] | null
  /** It asks what there is. */
  wants = false
  /** It sets a classified column in rows that are there, so the caller is told how many were found and not how many really changed. */
  counted = false
  /** While an expression that gives a column its value is read: the constants and parameters in it. null: nobody asks. */
  texts: Map<string | number, Span | null> | null = null
  readonly written: Written[] = []
  /** Parameters that may only be so long where they stand. */
  readonly heavy: Weight[] = []
  /** What each expression may be as large as; and how many calls had something long. */
  readonly sizes = new Map<Expression, Size>()
  long = 0
  /** Nodes of the caller's tree → what is printed in their place: names qualified, stars spelled out (rewrite.ts). */
  readonly replaced = new Map<object, object | readonly object[]>()
  /** Tables whose indexes must not choose the order of rows, and how those are taken out. What a view names is out of reach. */
  readonly ordered: { readonly relation: Relation; readonly ignore: (names: readonly string[]) => void }[] = []
  #columns = 0
  #steps = 0

  constructor(catalog: Catalog, classes: Classes, seen: readonly Seen[] | null = null) {
    this.seen = seen
    this.catalog = catalog
    this.classes = classes
    this.alias = aliases(catalog)
  }

  access(action: ActionName, schema: string, name: string, frame: Frame, span: Span | null, columns: boolean): Handle {
    if (schema.includes('.') || name.includes('.')) throw unsupported('ambiguous_name', 'a name with a dot in it cannot be told apart in a policy', span)
    const resource = `${schema}.${name}`
    const key = JSON.stringify([action, resource, frame.via])
    let reading = this.#accesses.get(key)
    if (!reading) this.#accesses.set(key, reading = { action, resource, columns: columns ? new Set() : null, via: frame.via, span })
    const { columns: read } = reading
    return { read: (column) => { read?.add(column) } }
  }
  reach(relation: Relation, { named, written }: { readonly named: boolean; readonly written: boolean }): void {
    const key = JSON.stringify([relation.schema, relation.name])
    const there = this.relations.get(key)
    if (!there) { this.relations.set(key, { relation, named, written }); return }
    there.named ||= named
    there.written ||= written
  }
  /** A routine or a trigger: what it does is what its `call` rule vouches for, and what it says of itself (READS SQL DATA) nobody checks. */
  call(schema: string, name: string, frame: Frame, span: Span | null): void {
    this.access('call', schema, name, frame, span, false)
    this.readOnly = false
  }
  use(tags: readonly Tag[], how: string, span: Span | null): void {
    if (this.sink) { this.sink.push(...tags); return }
    this.useNow(tags, how, span)
  }
  /** Whatever is being read: of a view too, this belongs to the statement. */
  useNow(tags: readonly Tag[], how: string, span: Span | null): void {
    this.step(tags.length)
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
  /** Without them: a constant in a WHERE in here is no part of the value that comes out. */
  textless<T>(work: () => T): T {
    const outer = this.texts
    this.texts = null
    const result = work()
    this.texts = outer
    return result
  }
  replace(frame: Frame, node: object, by: object | readonly object[]): void {
    if (!frame.view) this.replaced.set(node, by)
  }
  /** A column that nobody has looked at may be read and set by nobody. Of one behind a view, only the view is named. */
  looked(relation: Relation, column: Column, frame: Frame): void {
    if (!this.classes.came(relation, column)) return
    const [view] = frame.via
    const what = view === undefined ? `\`${column.name}\` of \`${relation.schema}.${relation.name}\`` : `a column that \`${view}\` reads`
    throw withheld('column_unclassified', `${what} came after the policy was applied and nobody has said what it holds; name other columns, until the connection's \`classify\` gives it a class or \`none\``, null)
  }
  /** Called before work that grows with what the statement says. */
  step(count: number): void {
    this.#steps += count
    if (this.#steps > maxSteps) throw withheld('too_wide', 'the statement takes too long to understand; name fewer columns and tables in it, or send several', null)
  }
  get steps(): number { return this.#steps }
  /** Called before `count` more columns are gone through. */
  bring(count: number, span: Span | null): void {
    this.#columns += count
    if (this.#columns > maxColumns) throw withheld('too_wide', `the statement goes through more than ${maxColumns} columns; name the ones you need`, span)
  }
  list(count: number, span: Span | null): void {
    if (count > maxListColumns) throw withheld('too_wide', `a select list has at most ${maxListColumns} entries`, span)
  }
  get accesses(): Access[] {
    return [...this.#accesses.values()].map(({ columns, ...rest }) => ({ ...rest, system: false, columns: columns ? [...columns].sort() : null, statement: 0 }))
  }
  get used(): Used[] { return [...this.#used.values()] }
}
