import { age, columnsOf, type Column } from './columns.ts'
import type { Fields, Item } from './object.ts'

const created = new Set(['Role', 'ClusterRole'])
const last: Column = { name: 'Age', type: 'string', cell: (item, now) => age(item.metadata.creationTimestamp, now) }
const createdAt: Column = { name: 'Created At', type: 'string', cell: (item) => item.metadata.creationTimestamp }
const lastSeen: Column = { name: 'Last Seen', type: 'string', cell: (item, now) => age(item['lastTimestamp'] ?? item.metadata.creationTimestamp, now) }
const name: Column = { name: 'Name', type: 'string', cell: (item) => item.metadata.name }

function columns(kind: string): readonly Column[] {
  if (kind === 'Event') return [lastSeen, ...columnsOf[kind] ?? [], { ...name, wide: true }]
  const own = columnsOf[kind] ?? []
  const end = created.has(kind) ? createdAt : last
  return [name, ...own.filter((one) => !one.wide), end, ...own.filter((one) => one.wide)]
}
export type Include = 'None' | 'Metadata' | 'Object'

/** The meta.k8s.io/v1 Table of those items. `headless`: no column definitions, as in watch events after the first. */
export function table(kind: string, items: readonly Item[], { include, metadata, now, headless }: { include: Include; metadata: Fields; now: number; headless?: boolean }): Fields {
  const all = columns(kind)
  return {
    kind: 'Table', apiVersion: 'meta.k8s.io/v1', metadata,
    columnDefinitions: headless ? null : all.map((one) => ({ name: one.name, type: one.type, format: one === name ? 'name' : '', description: `${one.name} of the object.`, priority: one.wide ? 1 : 0 })),
    rows: items.map((item) => ({ cells: all.map((one) => one.cell(item, now) ?? ''), ...(include === 'None' ? {} : { object: include === 'Object' ? item : partial(item) }) })),
  }
}
export const partial = (item: Item): Fields => ({ kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: item.metadata })
