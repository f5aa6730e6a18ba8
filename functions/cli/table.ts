import { cut, visible, width } from './visible.ts'

const gap = 2
const least = 6

/** A value as one line of text. */
export function cell(value: unknown): string {
  if (value === null || value === undefined) return '∅'
  if (typeof value === 'string') return visible(value)
  return visible(typeof value === 'object' ? JSON.stringify(value) : String(value))
}

/**
 * Rows as lines that fit `columns` terminal cells (null: as wide as they are). Where the columns cannot be told apart any more, one block a row.
 * Every cell is made visible here; callers hand in raw values.
 */
export function table(heads: readonly string[], rows: readonly (readonly unknown[])[], columns: number | null): string {
  const names = heads.map(visible)
  const cells = rows.map((row) => names.map((_, i) => cell(row[i])))
  const wanted = names.map((name, i) => cells.reduce((most, row) => Math.max(most, width(row[i] ?? '')), width(name)))
  const widths = columns === null ? wanted : fit(wanted, columns)
  if (widths === null) return blocks(names, cells, columns ?? 80)
  const line = (values: readonly string[]) => values.map((value, i) => {
    const room = widths[i] ?? 0
    const shown = cut(value, room)
    return i === values.length - 1 ? shown : shown + ' '.repeat(Math.max(0, room - width(shown)))
  }).join(' '.repeat(gap)).trimEnd()
  return [line(names), line(widths.map((cells) => '─'.repeat(cells))), ...cells.map(line)].join('\n')
}

/** Takes from the widest first, so that short columns stay whole. null: some would be narrower than a word. */
function fit(wanted: readonly number[], columns: number): readonly number[] | null {
  const room = columns - gap * (wanted.length - 1)
  if (wanted.reduce((sum, cells) => sum + Math.min(cells, least), 0) > room) return null
  let low = least
  let high = columns
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if (wanted.reduce((sum, cells) => sum + Math.min(cells, middle), 0) <= room) low = middle
    else high = middle - 1
  }
  return wanted.map((cells) => Math.min(cells, low))
}

function blocks(names: readonly string[], rows: readonly (readonly string[])[], columns: number): string {
  const label = Math.min(24, names.reduce((most, name) => Math.max(most, width(name)), 0))
  return rows.map((row) => names.map((name, i) => {
    const head = cut(name, label)
    return `${head}${' '.repeat(label - width(head))}  ${cut(row[i] ?? '', Math.max(8, columns - label - gap))}`
  }).join('\n')).join('\n\n')
}
