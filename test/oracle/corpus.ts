import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod'
import type { Param } from '../../schema/request.ts'

const queryParams = z.array(z.json())

/** A statement of a corpus file; `-- params [...]` on a line before it, as JSON, gives the values of its `$n`. */
export interface Entry { readonly file: string; readonly number: number; readonly sql: string; readonly params: readonly Param[] }

/** Each statement ends with a semicolon at the end of a line; `--` lines between statements are comments. */
export function readCorpus(directory: string, except: readonly string[] = ['schema.sql']): Entry[] {
  return readdirSync(directory).filter((name) => name.endsWith('.sql') && !except.includes(name)).sort().flatMap((name) =>
    cut(readFileSync(join(directory, name), 'utf8')).map((part, index) => ({ file: name.slice(0, -4), number: index + 1, ...part })))
}

export const split = (text: string): string[] => cut(text).map(({ sql }) => sql)

function cut(text: string): { sql: string; params: readonly Param[] }[] {
  return text.split(/;[ \t]*(?:\n|$)/).map((part) => {
    const head = /^(?:\s*--[^\n]*\n)*/.exec(part)?.[0] ?? ''
    const params = /-- params (\[.*\])/.exec(head)?.[1]
    return { sql: part.slice(head.length).trim(), params: params === undefined ? [] : queryParams.parse(JSON.parse(params)) }
  }).filter(({ sql }) => sql !== '')
}
