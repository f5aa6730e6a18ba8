import pg from 'pg'
import type { Param } from '../../schema/request.ts'

/**
 * What a direct connection answers, spelled as CONTRACT.md section 2 spells values: a second writing of those rules, from the server's text and type
 * oids, so that the gate's own rendering is compared with something it did not make.
 */
export interface Direct { readonly columns: readonly string[]; readonly rows: readonly (readonly unknown[])[]; readonly rowCount: number }
export interface Connection { ask(sql: string, params: readonly Param[]): Promise<Direct>; close(): Promise<void> }

export async function connectDirect(url: string): Promise<Connection> {
  const client = new pg.Client({ connectionString: url, options: '-c TimeZone=UTC -c DateStyle=ISO -c IntervalStyle=iso_8601 -c search_path=public' })
  client.on('error', () => {})
  await client.connect()
  return {
    async ask(sql, params) {
      const values = params.map((value) => value !== null && typeof value === 'object' && !Array.isArray(value) ? JSON.stringify(value) : value)
      const { fields, rows, rowCount } = await client.query<(string | null)[]>({ text: sql, values, rowMode: 'array', types: { getTypeParser: () => (value: string) => value } })
      return { columns: fields.map(({ name }) => name), rows: rows.map((row) => row.map((text, index) => spell(text, fields[index]!.dataTypeID))), rowCount: rowCount ?? 0 }
    },
    close: () => client.end(),
  }
}

const elements: Readonly<Record<number, number>> = { 1000: 16, 1005: 21, 1007: 23, 1016: 20, 1009: 25, 1015: 1043, 1021: 700, 1022: 701, 1231: 1700, 1115: 1114, 1185: 1184, 1182: 1082, 199: 114, 3807: 3802, 1003: 19, 1028: 26 }

function spell(text: string | null, type: number): unknown {
  if (text === null) return null
  const element = elements[type]
  if (element !== undefined) return arrayOf(text, element)
  switch (type) {
    case 16: return text === 't'
    case 21: case 23: case 26: return Number(text)
    case 700: case 701: return Number.isFinite(Number(text)) ? Number(text) : text
    case 114: case 3802: return JSON.parse(text) as unknown
    case 17: return Buffer.from(text.slice(2), 'hex').toString('base64')
    case 1114: return text.replace(' ', 'T')
    case 1184: return `${text.replace(' ', 'T').replace(/\+00$/, '')}Z`
    default: return text
  }
}

/** `{1,NULL,"a,b",{2}}`, as array_out writes it. */
function arrayOf(text: string, element: number): unknown {
  let at = text.indexOf('{') + 1
  function items(): unknown[] {
    const found: unknown[] = []
    for (;;) {
      if (text[at] === '}') { at++; return found }
      if (text[at] === ',') at++
      else if (text[at] === '{') { at++; found.push(items()) }
      else found.push(item())
    }
  }
  function item(): unknown {
    if (text[at] === '"') {
      const end = /^"((?:[^"\\]|\\.)*)"/s.exec(text.slice(at))!
      at += end[0].length
      return spell(end[1]!.replaceAll(/\\(.)/gs, '$1'), element)
    }
    const bare = /^[^,}]+/.exec(text.slice(at))![0]
    at += bare.length
    return bare === 'NULL' ? null : spell(bare, element)
  }
  return items()
}
