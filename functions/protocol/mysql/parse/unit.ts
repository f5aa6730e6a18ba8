import { units, type Unit } from '../ast.ts'
import type { Cursor } from './cursor.ts'

/** DAY, also as SQL_TSI_DAY where a function takes it. */
export function readUnit(cursor: Cursor, prefixed = false): Unit {
  const token = cursor.peek()
  const word = token.kind !== 'word' ? '' : prefixed && token.lower.startsWith('sql_tsi_') ? token.lower.slice(8) : token.lower
  const unit = units.find((one) => one === word)
  if (!unit) return cursor.fail('a unit of time')
  cursor.take()
  return unit
}
