import type { Entry } from '../log/entry.ts'

/** An event is not stored any more when it is so much older than its id (aws/entry.ts). What became of an intent has the intent's id, and is. */
const datedMs = 15 * 60_000
/** No log lies so long behind what it records: what is younger than everything after it by more is nothing of the gate's. */
const strayMs = 31 * 86_400_000

/** Which entries are dated as none of the gate's would be. Whoever can write to the ledger may date an event as he likes, and make what is honest look old by it. */
export function createDates() {
  let [newest, since] = [-Infinity, -Infinity]
  let [index, id] = [-1, '']

  function take(entry: Entry, at: number): readonly string[] {
    const ms = timeAt(entry.at)
    const settles = entry.kind === 'outcome' || entry.kind === 'correction'
    if (ms >= newest) {
      newest = ms
      since = -Infinity
      index = at
      id = entry.id
    } else since = Math.max(since, newest - ms <= strayMs || settles ? ms : timeIn(entry.id))     // where it is dated early and was made late
    return !settles && ms - timeIn(entry.id) > datedMs ? late : none
  }
  return {
    take,
    /** The newest, where what follows it is all far older; `since`: epoch ms of the newest of that. */
    stray: (): { readonly index: number; readonly id: string; readonly since: number } | null => since !== -Infinity && newest - since > strayMs ? { index, id, since } : null,
  }
}

/** Epoch ms of a time as entries have it (record/log/entry.ts): ISO 8601 with milliseconds, UTC. A log falls into few days, and to read one costs most of it. */
export function timeAt(at: string): number {
  if (!at.startsWith(day.text)) day = { text: at.slice(0, 11), ms: Date.parse(`${at.slice(0, 11)}00:00:00.000Z`) }
  return day.ms + digits(at, 11, 13) * 3_600_000 + digits(at, 14, 16) * 60_000 + digits(at, 17, 19) * 1000 + digits(at, 20, 23)
}
let day = { text: 'none', ms: Number.NaN }
function digits(text: string, from: number, to: number): number {
  let value = 0
  for (let i = from; i < to; i++) value = value * 10 + text.charCodeAt(i) - 0x30
  return value
}
/** Epoch ms in an event's id. */
export function timeIn(id: string): number {
  let ms = 0
  for (let i = 4; i < 14; i++) ms = ms * 32 + (values[id.charCodeAt(i)] ?? 0)
  return ms
}
const values = new Uint8Array(128)
for (const [value, symbol] of [...'0123456789ABCDEFGHJKMNPQRSTVWXYZ'].entries()) values[symbol.charCodeAt(0)] = value
const none: readonly string[] = []
const late: readonly string[] = ['it is dated long after the time in its id']
