import type { Node } from 'libpg-query'
import type { Used } from '../../../schema/effects.ts'
import type { Span } from '../../../schema/refusal.ts'
import type { Param } from '../../../schema/request.ts'
import { bindText } from './bind.ts'
import type { Column, Relation } from './catalog.ts'
import type { Tag } from './classes.ts'
import type { Findings } from './effects.ts'
import { below, kin } from './kin.ts'

/**
 * What stands beside a column that changes in rows that are there: in a constraint, in an index entry, in the row. Whether the change can be made tells of it.
 *
 * Length. An index entry holds at most 2 704 bytes, a row at most 8 160 of what is not moved out of it; a text beside a classified one, made longer until it
 * fails (54000), measures it. So a value passes only if, by the declared types, all of it always fits, or if it is so short that all the caller can ever
 * put into one entry is `slackBytes` together: then it fails only where others filled the rest of it.
 */
export interface Length { readonly parameter: number; readonly most: number; readonly used: readonly Used[] }

const entryBytes = 2600
const rowBytes = 8000
const slackBytes = 256
/** Header and alignment of one value. */
const paddingBytes = 8
/** A value longer than that leaves the row when it grows too large. */
const pointerBytes = 24

const held = ({ classes }: Findings, r: Relation, columns: readonly Column[]): readonly Tag[] => columns.flatMap((c) => { const { plain, derived } = classes.of(r, c); return [...plain, ...derived] })

/** Classified columns that a unique or exclusion index, a check or a foreign key reads together with one that changes. */
export function compared(found: Findings, r: Relation, own: Column, changed: readonly number[], span: Span | null): void {
  for (const group of r.answering) {
    if (changed.some((attnum) => group.includes(attnum))) found.use(held(found, r, r.columns.filter((c) => c.attnum !== own.attnum && group.includes(c.attnum))), `where a constraint compares it with ${own.name}`, span)
  }
}

interface Room { readonly r: Relation; readonly columns: readonly Column[]; readonly expressions: boolean; readonly limit: number; readonly bytes: (c: Column) => number }
const inIndex = (c: Column): number => (c.size ?? Infinity) + paddingBytes
const inRow = (c: Column): number => (c.inline || (c.size !== null && c.size <= pointerBytes) ? c.size ?? Infinity : pointerBytes) + paddingBytes
function roomsOf(r: Relation): readonly Room[] {
  const entries = r.entries.map((attnums): Room => ({ r, columns: r.columns.filter((c) => attnums.includes(c.attnum)), expressions: attnums.includes(0), limit: entryBytes, bytes: inIndex }))
  const row: Room = { r, columns: r.columns, expressions: false, limit: rowBytes, bytes: inRow }
  return [...entries, ...(total(row) > rowBytes ? [row] : [])]
}
const total = ({ columns, bytes, expressions }: Room, without?: Column): number => (expressions ? Infinity : columns.reduce((sum, c) => sum + (c === without ? 0 : bytes(c)), 0))

/** `most`: the longest constant, in bytes; Infinity for what is no constant. */
export interface Sized { readonly most: number; readonly parameters: readonly number[] }
const unbounded: Sized = { most: Infinity, parameters: [] }

export function measured(found: Findings, r: Relation, own: Column, { most, parameters }: Sized, span: Span | null): void {
  for (const room of roomsOf(r).filter(({ columns }) => columns.includes(own))) {
    const tags = held(found, r, room.columns.filter((c) => c !== own && !(c.notNull && fixed(c))))
    if (tags.length === 0) continue
    const free = Math.max(room.limit - total(room, own), slackBytes / room.columns.filter((c) => !fixed(c)).length) - paddingBytes
    if (room.bytes(own) - paddingBytes <= free) continue
    const how = `where it shares an index entry or a row with ${own.name}, and what is too long for it fails; set ${own.name} to at most ${Math.max(0, Math.floor(free))} bytes, written as a constant or given as a parameter`
    if (most > free) found.use(tags, how, span)
    else for (const parameter of parameters) found.lengths.push({ parameter, most: free, used: tags.map((tag) => ({ ...tag, statement: 0, how, span })) })
  }
}
/** Of a type whose values are all of one small length. */
const fixed = (c: Column): boolean => c.size !== null && c.size <= 16

/** One call's parameters → uses by those that are longer than what they go into is good for. */
export const judgeLengths = (lengths: readonly Length[], params: readonly Param[]): readonly Used[] =>
  lengths.flatMap(({ parameter, most, used }) => (Buffer.byteLength(bindText(params[parameter - 1] ?? null) ?? '') > most ? used : []))

/** Types whose value is as long as its text: text, varchar, bytea, json, xml, name; `bpchar` without a length. */
const asText: ReadonlySet<number> = new Set([25, 1043, 17, 114, 142, 19])
const textNames: ReadonlySet<string> = new Set(['text', 'varchar'])
export function sizedBy(column: Column, values: readonly Node[] | null): Sized {
  if (values === null || values.length === 0) return unbounded
  return values.map((node) => sizedOf(column, node)).reduce((a, b) => ({ most: Math.max(a.most, b.most), parameters: [...a.parameters, ...b.parameters] }))
}
function sizedOf(column: Column, node: Node): Sized {
  if ('SetToDefault' in node) return column.filled ? unbounded : { most: 0, parameters: [] }
  if ('A_Const' in node && node.A_Const.isnull === true) return { most: 0, parameters: [] }
  if (!asText.has(column.type)) return unbounded
  if ('A_Const' in node) return { most: Buffer.byteLength(node.A_Const.sval?.sval ?? node.A_Const.fval?.fval ?? node.A_Const.bsval?.bsval ?? '-2147483648'), parameters: [] }
  if ('ParamRef' in node) return { most: 0, parameters: [node.ParamRef.number ?? 0] }
  if ('TypeCast' in node && node.TypeCast.arg && !node.TypeCast.typeName?.typmods && !node.TypeCast.typeName?.arrayBounds) {
    const name = node.TypeCast.typeName?.names?.at(-1)
    if (name && 'String' in name && textNames.has(name.String.sval ?? '')) return sizedOf(column, node.TypeCast.arg)
  }
  return unbounded
}

/** A row whose partition key changes may be put into another partition, and meets what is asked there alone. */
export function moving(found: Findings, relation: Relation, column: Column, span: Span | null): void {
  const parts = [relation, ...below(found.catalog, relation)]
  const attnumOf = (r: Relation) => r.columns.find((c) => c.name === column.name)?.attnum
  if (!parts.some((r) => r.partitionedBy.some((attnum) => attnum === 0 || attnum === attnumOf(r)))) return
  const leaves = parts.filter((r) => r.kind !== 'p')
  const shape = ({ columns }: Room) => columns.map(({ name }) => name).sort().join('\0')
  for (const r of leaves) {
    const how = `where a partition that a row may move into asks about it, when ${column.name} changes`
    for (const group of r.answering) found.use(held(found, r, r.columns.filter((c) => c.name !== column.name && group.includes(c.attnum))), how, span)
    for (const room of roomsOf(r)) {
      if (total(room) <= room.limit || leaves.every((leaf) => roomsOf(leaf).some((one) => shape(one) === shape(room)))) continue
      found.use(held(found, r, room.columns), how, span)
    }
  }
}

/** Columns that a foreign key's action changes in rows nobody named. `chosen`: to a value of the caller's. */
export function cascaded(found: Findings, relation: Relation, columns: readonly Column[], chosen: boolean, span: Span | null): void {
  for (const column of columns) {
    for (const r of kin(found.catalog, relation)) {
      const own = r.columns.find((c) => c.name === column.name)
      if (!own) continue
      compared(found, r, own, changedWith(r, own), span)
      if (chosen) measured(found, r, own, unbounded, span)
    }
    moving(found, relation, column, span)
  }
}
/** A column, and those generated from it. */
export const changedWith = (r: Relation, own: Column): readonly number[] => [own.attnum, ...r.columns.filter((c) => c.from.includes(own.attnum)).map((c) => c.attnum)]
