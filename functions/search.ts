import { ok, refuse, type Result } from '../schema/refusal.ts'

/**
 * The query string as the named parameters and nothing else. A parameter unknown or given twice is refused, not ignored: a filter that is
 * misspelt would otherwise show everything.
 */
export function readSearch<Name extends string>(url: string, names: readonly Name[]): Result<Readonly<Partial<Record<Name, string>>>> {
  const start = url.indexOf('?')
  const found: Partial<Record<Name, string>> = {}
  if (start < 0) return ok(found)
  for (const [name, value] of new URLSearchParams(url.slice(start + 1))) {
    const known = names.find((candidate) => candidate === name)
    const shown = name.slice(0, 64)
    if (known === undefined) {
      return invalid('unknown_parameter', `query parameter \`${shown}\` is not known here; ${names.length === 0 ? 'this call takes none' : `known are ${names.map((n) => `\`${n}\``).join(', ')}`}`)
    }
    if (found[known] !== undefined) return invalid('duplicate_parameter', `query parameter \`${shown}\` is there twice; keep one`)
    found[known] = value
  }
  return ok(found)
}

const invalid = (reason: string, detail: string) => refuse({ slug: 'invalid-request', reason, detail, next: 'fix' })
