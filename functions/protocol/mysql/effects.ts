import type { Access } from '../../../schema/effects.ts'
import type { Span } from '../../../schema/refusal.ts'
import type { Seen } from '../../../schema/request.ts'
import { hinted, Notes, unlooked } from '../notes.ts'
import { aliases, type Alias } from './alias.ts'
import { systemSchemas, type Catalog, type Column, type Relation, type Routine } from './catalog.ts'
import type { Classes } from './classes.ts'
import { insteadOf } from './instead.ts'

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

/** As many as the server takes in one table or select list. */
const maxListColumns = 4096
export const isSystem = (schema: string): boolean => systemSchemas.has(schema.toLowerCase())

/** Everything one statement was found to do. */
export class Findings extends Notes {
  readonly catalog: Catalog
  readonly classes: Classes
  /** The name a reference is printed under. */
  readonly alias: Alias
  readonly relations = new Map<string, { readonly relation: Relation; named: boolean; written: boolean }>()
  readonly routines = new Map<string, Routine>()
  /** Relations in the order FROM reached them, for row locks. */
  readonly log: { readonly relation: Relation; readonly frame: Frame }[] = []
  /** What the caller may see; null where nobody has said. */
  readonly seen: readonly Seen[] | null
  /** It asks what there is. */
  wants = false
  /** It sets a classified column in rows that are there, so the caller is told how many were found and not how many really changed. */
  counted = false
  /** Nodes of the caller's tree → what is printed in their place: names qualified, stars spelled out (rewrite.ts). */
  readonly replaced = new Map<object, object | readonly object[]>()
  /** Tables whose indexes must not choose the order of rows, and how those are taken out. What a view names is out of reach. */
  readonly ordered: { readonly relation: Relation; readonly ignore: (names: readonly string[]) => void }[] = []

  constructor(catalog: Catalog, classes: Classes, seen: readonly Seen[] | null = null) {
    super(isSystem, maxListColumns)
    this.seen = seen
    this.catalog = catalog
    this.classes = classes
    this.alias = aliases(catalog)
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
  override get accesses(): Access[] { return super.accesses.map((access) => hinted(access, insteadOf)) }
  replace(frame: Frame, node: object, by: object | readonly object[]): void {
    if (!frame.view) this.replaced.set(node, by)
  }
  looked(relation: Relation, column: Column, frame: Frame): void {
    if (this.classes.came(relation, column)) throw unlooked(relation, column.name, frame)
  }
}
