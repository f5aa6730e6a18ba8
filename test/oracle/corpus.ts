import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A statement of a corpus file: `--` comments between statements are skipped, and each ends with a semicolon at the end of a line. */
export interface Entry { readonly file: string; readonly number: number; readonly sql: string }

export function readCorpus(directory: string, except: readonly string[] = ['schema.sql']): Entry[] {
  return readdirSync(directory).filter((name) => name.endsWith('.sql') && !except.includes(name)).sort().flatMap((name) =>
    split(readFileSync(join(directory, name), 'utf8')).map((sql, index) => ({ file: name.slice(0, -4), number: index + 1, sql })))
}

export const split = (text: string): string[] => text.split(/;[ \t]*(?:\n|$)/).map((part) => part.replace(/^(?:\s*--[^\n]*\n)+/, '').trim()).filter((part) => part !== '')
