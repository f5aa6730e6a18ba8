/**
 * Keys of the log, by number: `SLUICE_LOG_KEYS=1,2` has a second one made, and it follows the first (functions/succession.ts, docs/audit.md); `SLUICE_LOG_KEYS=2`, a day later at the least, lets go of the first. Left out: `1`. Of one
 * digit each: `12`, for `1,2` mistyped, would else make twelve keys that production keeps from being deleted.
 */
const text = process.env['SLUICE_LOG_KEYS'] || '1'
const numbers = text.split(',').map((one) => one.trim())
const oldest = Number(numbers[0])
if (!numbers.every((one, at) => /^[1-9]$/.test(one) && Number(one) === oldest + at)) throw new Error(`SLUICE_LOG_KEYS is \`${text}\`, and must be the numbers of the log's keys, the oldest first, each one more than the one before: \`1\`, then \`1,2\`, then \`2\``)

/** From the oldest that signs or has to be believed to the one that shall sign. Those before it are over: they are kept, and sign nothing. */
export const ring = { oldest, newest: oldest + numbers.length - 1 }
