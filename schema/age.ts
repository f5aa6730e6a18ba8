const dayMs = 86_400_000

/** How long the record is kept, as a policy says it: `90d`, `7y`, in milliseconds; a year has 366 days, so that nothing goes before its time. null: not an age. */
export function ageMs(word: string): number | null {
  const [, count, unit] = /^([1-9]\d{0,3})([dy])$/.exec(word) ?? []
  return count === undefined ? null : Number(count) * (unit === 'y' ? 366 : 1) * dayMs
}
