import * as z from 'zod'
import type { Enclosed } from '../envelope.ts'
import { fence, type Told } from './fence.ts'

/** Bytes of JSON that a model reads of one answer: 48 KB are about 12 000 tokens. */
const mostBytes = 48 * 1024

type Members = Readonly<Record<string, unknown>>
const isMembers = (value: unknown): value is Members => typeof value === 'object' && value !== null && !Array.isArray(value)
export const enclosedForm = z.object({ status: z.int().min(200).max(599), type: z.string(), body: z.string().optional(), base64: z.string().optional() })

/**
 * What an API server answered, masked as any caller gets it, as a tool's result: objects without the list of who manages which field, tables as columns and cells, logs as text. What does not fit is left out and
 * said to be; of a list as many items as fit are there.
 */
export function objectTold({ status, type, bytes }: Enclosed, facts: Members, done = 'done'): Told {
  const text = Buffer.from(bytes).toString('utf8')
  const value = type.includes('json') ? jsonOf(text) : undefined
  const failed = status >= 400
  if (!failed && isSaid(value)) return saidTold(value, facts, done)
  const { data, more } = value === undefined ? ofText(text) : isMembers(value) ? ofObject(value) : { data: { value }, more: '' }
  return fence({
    head: failed ? `the cluster refused this with status ${status}; its words are in the data` : `${done}, HTTP ${status}${more}`,
    facts: { ...facts, status }, data: Object.keys(data).length === 0 ? null : data, isError: failed,
  })
}

interface Shown { readonly data: Members; readonly more: string }
const fits = (value: unknown): boolean => Buffer.byteLength(JSON.stringify(value)) <= mostBytes

function ofText(text: string): Shown {
  const bytes = Buffer.byteLength(text)
  return bytes <= mostBytes ? { data: text === '' ? {} : { text }, more: '' } : { data: { text: text.slice(-mostBytes).toWellFormed(), bytes }, more: '; only the end of it is here: narrow with `tailLines=` or `sinceSeconds=`' }
}

function ofObject(value: Members): Shown {
  if (value['kind'] === 'Table' && Array.isArray(value['rows']) && Array.isArray(value['columnDefinitions'])) return ofTable(value, value['columnDefinitions'], value['rows'])
  const { items, ...rest } = value
  if (Array.isArray(items) && typeof rest['kind'] === 'string' && rest['kind'].endsWith('List')) return ofMany('items', items.map(bare), rest)
  const shown = bare(value)
  if (isMembers(shown) && fits(shown)) return { data: shown, more: '' }
  return { data: { beginning: JSON.stringify(shown).slice(0, mostBytes / 4).toWellFormed() }, more: '; it is too large to be given whole, and only its beginning is here' }
}

interface Said { readonly stdout: string | null; readonly stderr: string | null; readonly exitCode: number | null; readonly truncated: boolean }
const saidForm = z.object({ stdout: z.string().nullable(), stderr: z.string().nullable(), exitCode: z.int().nullable(), truncated: z.boolean() })
/** What a command wrote, in a container or on a host. An object has `metadata`, and is never cut like this: it could be written back so. */
const isSaid = (value: unknown): value is Said & Members => isMembers(value) && value['metadata'] === undefined && saidForm.safeParse(value).success
function saidTold(value: Said & Members, facts: Members, done: string): Told {
  const { exitCode, truncated } = value
  const shown = fits(value) ? value : { ...value, stdout: value.stdout === null ? null : cut(value.stdout), stderr: value.stderr === null ? null : cut(value.stderr) }
  const how = exitCode === null ? 'how it ended is in the data' : `exit code ${exitCode}`
  return fence({ head: `${done}, ${how}${truncated || shown !== value ? '; of what it wrote only the beginning is here' : ''}`, facts: { ...facts, exitCode }, data: { ...shown } })
}

/** The columns that kubectl prints, and what stands in them. */
function ofTable({ metadata }: Members, definitions: readonly unknown[], rows: readonly unknown[]): Shown {
  const columns = definitions.map((one) => (isMembers(one) ? one : {})).map(({ name, priority }) => ({ name, wide: typeof priority === 'number' && priority > 0 }))
  const cells = rows.map((row) => (isMembers(row) && Array.isArray(row['cells']) ? row['cells'].filter((_, at) => columns[at]?.wide !== true) : []))
  return ofMany('rows', cells, { columns: columns.filter(({ wide }) => !wide).map(({ name }) => name), ...(isMembers(metadata) ? { metadata } : {}) })
}

function ofMany(name: 'items' | 'rows', all: readonly unknown[], rest: Members): Shown {
  let bytes = Buffer.byteLength(JSON.stringify(rest))
  const kept: unknown[] = []
  for (const one of all) {
    bytes += Buffer.byteLength(JSON.stringify(one)) + 1
    if (bytes > mostBytes) break
    kept.push(one)
  }
  const left = all.length - kept.length
  const metadata = isMembers(rest['metadata']) ? rest['metadata'] : {}
  const page = typeof metadata['continue'] === 'string' && metadata['continue'] !== ''
  return {
    data: { ...rest, [name]: kept, ...(left > 0 ? { notShown: left } : {}) },
    more: `, ${kept.length} ${kept.length === 1 ? 'object' : 'objects'}${left > 0 ? `; ${left} more did not fit: ask for \`table\`, a selector, or \`limit=\`` : ''}${page ? '; there are further pages: the same path with `continue=` and `metadata.continue`' : ''}`,
  }
}

const cut = (text: string): string => (text.length <= mostBytes / 4 ? text : `${text.slice(0, mostBytes / 4).toWellFormed()}… [cut: ${text.length} characters]`)

/** Who manages which field tells an agent nothing and is half of an object. */
function bare(value: unknown): unknown {
  if (!isMembers(value) || !isMembers(value['metadata']) || value['metadata']['managedFields'] === undefined) return value
  const { managedFields: _fields, ...metadata } = value['metadata']
  return { ...value, metadata }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
