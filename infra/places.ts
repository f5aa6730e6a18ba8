/** Lambda keeps this many places of an account for functions that reserve none, and refuses a deploy that leaves less. */
const kept = 100
/** What of the rest each function gets, in hundredths. The sequencer and the sweeper want two each: an overlap is safe, and a queue of them of no use. */
const shares = { Http: 45, Hold: 17, Stream: 17, Socket: 11, Approval: 6, People: 4 } as const
/** The function in a private network has that many of a hundred where there is one, and the others share what is left as they do else. */
const apart = 20
const alone = { Sequencer: 2, Sweeper: 2 } as const
const least = 100

/**
 * Places that each function reserves of `limit`, the account's concurrency in this region (Service Quotas: `Concurrent executions`; 1000 unless AWS says otherwise, and as few as 10 in a new account). No function
 * then takes a place of another. null: there are too few to reserve any. Throws for what is no limit.
 */
export function placesOf(limit: number, most = Infinity, network = false): Readonly<Record<keyof typeof shares | keyof typeof alone, number> & { Private?: number }> | null {
  if (!Number.isSafeInteger(limit) || limit < 1) throw new Error('SLUICE_CONCURRENCY must be the number of concurrent executions that the account has in this region')
  const left = limit - kept - Object.values(alone).reduce((sum, count) => sum + count, 0)
  if (left < least) return null
  const whole = Math.min(left, most)
  const own = network ? Math.max(1, Math.floor((whole * apart) / 100)) : 0
  const given = whole - own
  return { ...Object.fromEntries(Object.entries(shares).map(([name, share]) => [name, Math.max(1, Math.floor((given * share) / 100))])) as Record<keyof typeof shares, number>, ...alone, ...(network ? { Private: own } : {}) }
}
