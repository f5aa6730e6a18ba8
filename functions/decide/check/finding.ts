import type { PolicyDocument } from '../../../schema/policy.ts'

/** Something wrong with a policy, where it is, and what to write instead. An error keeps a policy from being applied; a warning is said. */
export interface Finding {
  readonly level: 'error' | 'warning'
  /** Path of the document in its bundle. */
  readonly path: string
  /** Place in the document: `['rules', 2, 'on', 0]`. */
  readonly at: readonly (string | number)[]
  /** true when the key itself is wrong, not what it holds. */
  readonly key?: true
  /** Offset in the text there, for a condition. */
  readonly offset?: number
  /** Lower case, with the fix. */
  readonly message: string
}
/** Takes findings of one document. */
export type Report = (level: Finding['level'], at: readonly (string | number)[], message: string, more?: { readonly key?: true; readonly offset?: number }) => void
export interface Entry { readonly path: string; readonly document: PolicyDocument }

/** ` (did you mean …?)` when one of the known words is near, else what there is. */
export function suggest(word: string, known: readonly string[]): string {
  const near = known.map((other) => ({ other, far: distance(word.slice(0, 64), other) })).sort((a, b) => a.far - b.far)[0]
  if (near && near.far <= Math.floor(word.length / 3)) return `; did you mean \`${near.other}\`?`
  return known.length === 0 ? '' : `; there ${known.length === 1 ? 'is' : 'are'} ${known.slice(0, 16).map((other) => `\`${other}\``).join(', ')}${known.length > 16 ? ', …' : ''}`
}

/** Edit distance, two neighbours exchanged counting once. */
function distance(a: string, b: string): number {
  let [before, row]: [number[], number[]] = [[], Array.from({ length: b.length + 1 }, (_, i) => i)]
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next[j] = Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) next[j] = Math.min(next[j] ?? 0, (before[j - 2] ?? 0) + 1)
    }
    ;[before, row] = [row, next]
  }
  return row[b.length] ?? 0
}
