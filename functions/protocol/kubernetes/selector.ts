export interface Term { readonly field: string; readonly negative: boolean; readonly value: string }

/**
 * Terms of a field selector: `a=b`, `a==b`, `a!=b`, joined by `,`. null: it is none, or one that servers read differently: a field named twice, an escape, a term that
 * cannot be read (of which some versions keep the rest and some nothing).
 */
export function termsOf(text: string): readonly Term[] | null {
  if (text === '') return []
  const terms: Term[] = []
  for (const part of text.split(',')) {
    const [, field, operator, value] = /^([A-Za-z][A-Za-z0-9._/-]*)(==|!=|=)([^=!\\,]*)$/.exec(part) ?? []
    if (field === undefined || operator === undefined || value === undefined || terms.some((term) => term.field === field)) return null
    terms.push({ field, negative: operator === '!=', value })
  }
  return terms
}

/** The name that `metadata.name=` requires, as the server takes it for a list and a watch; '' where there is none, or where it is no segment of a path. */
export function exactName(selector: string): string {
  const name = (termsOf(selector) ?? []).find(({ field, negative }) => field === 'metadata.name' && !negative)?.value ?? ''
  return name === '.' || name === '..' || /[/%]/.test(name) ? '' : name
}

/** The keys a label selector speaks of; null where it cannot be read. Values are not looked at. */
export function labelKeys(selector: string): readonly string[] | null {
  const keys: string[] = []
  let rest = selector.trim()
  while (rest !== '') {
    const [whole, key] = /^!?\s*([A-Za-z0-9][A-Za-z0-9._/-]*)\s*(?:(?:==|!=|=)\s*[A-Za-z0-9._-]*|(?:notin|in)\s*\([A-Za-z0-9._,\s-]*\)|[<>]\s*[0-9-]+)?\s*(?:,\s*|$)/.exec(rest) ?? []
    if (whole === undefined || key === undefined) return null
    keys.push(key)
    rest = rest.slice(whole.length)
  }
  return keys
}
