import type { Caller } from '../../schema/caller.ts'
import type { KeySet } from './keyset.ts'

interface Entry { readonly caller: Caller; readonly source: object; readonly keys: KeySet }

/** Entries; with tokens of 1 KB about 8 MB. Past it the one unused longest goes. */
const capacity = 2000

/**
 * Callers by the SHA-256 of their whole token, which saves the signature check and nothing else. An entry holds only under the document and the very
 * key set it was checked with, and until the token expires, without tolerance. Failures are never kept: they are somebody else's to choose.
 */
export function createCache() {
  const entries = new Map<string, Entry>()
  return {
    get(digest: string, source: object, keys: KeySet, now: number): Caller | null {
      const entry = entries.get(digest)
      if (!entry) return null
      entries.delete(digest)
      if (entry.source !== source || entry.keys !== keys || now >= entry.caller.expiresAt) return null
      entries.set(digest, entry)
      return entry.caller
    },
    put(digest: string, entry: Entry): void {
      entries.set(digest, entry)
      if (entries.size <= capacity) return
      const oldest = entries.keys().next()
      if (!oldest.done) entries.delete(oldest.value)
    },
  }
}
