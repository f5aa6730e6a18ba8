import type { Access } from '../../../schema/effects.ts'
import type { Span } from '../../../schema/refusal.ts'
import { hinted, Notes, unlooked } from '../notes.ts'
import { unsupported, type Refused } from '../refused.ts'
import type { Length } from './beside.ts'
import type { Catalog, CatalogFunction, Column, Relation } from './catalog.ts'
import type { Classes } from './classes.ts'
import { insteadOf, whyNot } from './instead.ts'

export const unknownFunction = (name: string, span: Span | null): Refused =>
  unsupported('unknown_function', `function \`${name}\` ${whyNot(name) === null ? 'is not one the gate knows to be harmless; built-in functions that only compute pass, and those of the target where a `call` rule of yours names them' : `is not available through the gate: ${whyNot(name)}`}`, span)
export const unknownType = (name: string, span: Span | null): Refused =>
  unsupported('unknown_type', `type \`${name}\` is not one the gate knows to be harmless; plain ones such as text, numeric, timestamptz and jsonb pass`, span)

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
/** As many as the server takes in one select list (MaxTupleAttributeNumber). */
const maxListColumns = 1664

export const isSystem = (schema: string): boolean => schema === 'information_schema' || /^pg_/.test(schema)

/** Everything one statement was found to do. */
export class Findings extends Notes {
  readonly catalog: Catalog
  readonly classes: Classes
  readonly relations = new Map<number, { readonly relation: Relation; written: boolean }>()
  /** For the guard: names looked up on the path, and objects reached without one. */
  readonly names = { schemas: new Set<string>(), relations: new Set<string>(), functions: new Set<string>(), operators: new Set<string>(), types: new Set<string>() }
  readonly functions = new Set<number>()
  readonly types = new Set<number>()
  /** Relations in the order FROM reached them, for row locks. */
  readonly log: { readonly relation: Relation; readonly frame: Frame }[] = []
  /** Something that may fail went into `sink`. */
  sinkFails = false
  /** Parameters whose length matters. */
  readonly lengths: Length[] = []
  /** Rows must come as they lie in the table: an index might give them in the order of a classified column. */
  heapOrder = false
  /** A table has an index that gives a classified column in its order, under a mask that tells values apart: once such a column is read, rows must come as they lie. */
  sorted = false
  shownRead = false

  constructor(catalog: Catalog, classes: Classes) {
    super(isSystem, maxListColumns)
    this.catalog = catalog
    this.classes = classes
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
  override get accesses(): Access[] { return super.accesses.map((access) => hinted(access, insteadOf)) }
  looked(relation: Relation, column: Column, frame: Frame): void {
    if (this.classes.came(relation, column)) throw unlooked(relation, column.name, frame)
  }
}
