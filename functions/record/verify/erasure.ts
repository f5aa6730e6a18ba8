import type { Entry } from '../log/entry.ts'
import { sheetMs } from '../keyring.ts'
import { ageOf } from '../retain.ts'
import { list, object, text } from './json.ts'

const dayMs = 86_400_000

/**
 * Whether an erasure is one that the gate makes: somebody's who asked for it, or of a day that is older than the retention it names (functions/retain.ts), and then of that day's sheets alone. Any other
 * would explain a destruction of keys that nobody may have asked for. One that lies here as a digest names no keys, so it explains none.
 */
export function isErasure({ whole, at, event }: Entry): boolean {
  if (!whole || text(object(event['who'])['subject']) !== '') return true
  const { retention, day, sheets, keys } = object(event['change'])
  const kept = ageOf(text(retention))
  const over = Date.parse(`${text(day)}T00:00:00.000Z`) + dayMs + sheetMs + (kept?.ms ?? Number.NaN)
  return event['who'] === null && keys === undefined && over <= Date.parse(at) && list(sheets).every((sheet) => text(sheet).startsWith(`${text(day)}.`))
}
