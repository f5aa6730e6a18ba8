import { createHash } from 'node:crypto'

export type Rows = readonly (readonly (string | null)[])[]
/** SHA-256 (hex) over the rows of each query, in order, values as the server's text. */
export function digestOf(results: readonly Rows[]): string {
  return createHash('sha256').update(JSON.stringify(results)).digest('hex')
}
/** The same over rows that came in whatever order. */
export const digestOfSet = (rows: Rows): string => digestOf([rows.map((row) => [JSON.stringify(row)]).sort(([a = ''], [b = '']) => (a < b ? -1 : a > b ? 1 : 0))])
