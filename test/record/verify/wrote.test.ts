import { describe, expect, test } from 'vitest'
import { contentKey, disclose, seal } from '../../../functions/record/cipher.ts'
import { createIds } from '../../../functions/aws/ulid.ts'
import { createHearing, type Part } from '../../../functions/record/heard.ts'
import { entryOf } from '../../../functions/record/log/entry.ts'
import { contentPath } from '../../../functions/record/verify/contents.ts'
import { split } from '../../../schema/content.ts'
import type { Event, IntentEvent, OutcomeEvent } from '../../../schema/event.ts'
import { eventsOf } from '../log/sample.ts'
import { check, logOf } from './memory.ts'

const start = Date.parse('2026-11-22T09:00:00.000Z')
const [intent, outcome] = eventsOf(2, start) as [IntentEvent, OutcomeEvent]
/** An hour on: so that nothing before it may still be on its way into the log. */
const after = eventsOf(4, start + 3_600_000)
const ids = createIds(() => start + 10)
const key = contentKey('2026-11-22.AAAAAAAAAAAAAAAA.0', new Uint8Array(32).fill(3))
const sealed = (event: Event): Event => { const { open, content } = split(event); return content === null ? event : seal(key, open, content) }

/** A command's record as the gate makes it. */
async function command(wrote: readonly (readonly ['stdout' | 'stderr', string])[]) {
  const parts: Event[] = []
  const hearing = createHearing(async (part: Part) => { parts.push({ ...outcome, id: ids('evt'), kind: 'output', change: { intent: intent.id, ...part } } as unknown as Event) })
  for (const [stream, text] of wrote) await hearing.hear(stream, Buffer.from(text))
  return { parts, outcome: { ...outcome, said: { ...await hearing.end(), exit: 0 } } as Event }
}
const long = (word: string, bytes: number) => `${word} `.repeat(bytes / (word.length + 1))
const big = [['stdout', long('alpha', 400_000)], ['stderr', long('beta', 200_000)], ['stdout', long('gamma', 150_000)]] as const

async function findings(events: readonly Event[], erased: ReadonlySet<string> = new Set(), change: (line: { readonly id: string }) => object = (line) => line) {
  const { log } = await logOf(events.map((event) => entryOf(sealed(event))))
  const lines = events.flatMap((event) => { const told = disclose(key, event); return told === null ? [] : [erased.has(event.id) ? { id: event.id, state: 'erased' } : change({ id: event.id, ...told })] })
  log.set(contentPath({ level: 'entries', index: 0, width: events.length }), Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join('')))
  const report = await check(log)
  return report.findings.filter(({ path }) => path !== 'content').map(({ index, reason }) => `${index}: ${reason}`)
}

describe('what a command wrote', () => {
  test('is all here, in whatever order its parts and its outcome came into the log', async () => {
    const { parts, outcome: end } = await command(big)
    expect(parts.length).toBeGreaterThan(3)
    expect(await findings([intent, ...parts, end, ...after])).toEqual([])
    expect(await findings([intent, parts[1]!, parts[0]!, ...parts.slice(2), end, ...after])).toEqual([])
    expect(await findings([intent, end, ...parts.toReversed(), ...after])).toEqual([])
    const little = await command([['stdout', 'a line\n']])
    expect(little.parts).toEqual([])
    expect(await findings([intent, little.outcome, ...after])).toEqual([])
  })
  test('with any part taken out, put in, twice, or changed, is not', async () => {
    const { parts, outcome: end } = await command(big)
    for (const at of parts.keys()) expect(await findings([intent, ...parts.toSpliced(at, 1), end, ...after]), String(at)).toEqual([`${parts.length}: what its command wrote is here in ${parts.length - 1} parts, and it says ${parts.length}`])
    const voided = parts.with(1, { ...parts[1]!, kind: 'void', change: {} } as unknown as Event)
    expect((await findings([intent, ...voided, end, ...after])).filter((reason) => reason.includes('what its command wrote'))).toHaveLength(1)
    const more = (part: number) => ({ ...parts[0]!, id: ids('evt'), change: { ...(parts[0] as { change: object }).change, part } }) as unknown as Event
    expect(await findings([intent, ...parts, more(parts.length + 1), end, ...after])).toHaveLength(1)
    expect(await findings([intent, ...parts, end, more(parts.length + 1), ...after])).toEqual([`${parts.length + 2}: its command wrote in fewer parts, as the outcome says`])
    expect(await findings([intent, ...parts, more(1), end, ...after])).toEqual([`${parts.length + 1}: part 1 of what this command wrote is there twice`])
    const other = { ...parts[0]!, change: { ...(parts[0] as { change: Record<string, unknown> }).change, text: String((parts[0] as { change: Record<string, unknown> }).change['text']).replace('alpha', 'omega') } } as unknown as Event
    expect(await findings([intent, ...parts.with(0, other), end, ...after])).toEqual([`${parts.length + 1}: what its command wrote to stdout is not what it says`])
    const little = await command([['stdout', 'a line\n']])
    expect(await findings([intent, more(1), little.outcome, ...after])).toHaveLength(1)
  })
  test('of two parts swapped, or said of the other stream, is not what was said', async () => {
    const { parts, outcome: end } = await command(big)
    const part = (event: Event, change: object) => ({ ...event, change: { ...(event as unknown as { change: object }).change, ...change } }) as unknown as Event
    const out = parts.filter((event) => (event as unknown as { change: { stream: string } }).change.stream === 'stdout')
    const number = (event: Event) => (event as unknown as { change: { part: number } }).change.part
    const swapped = parts.map((event) => event === out[0] ? part(event, { part: number(out.at(-1)!) }) : event === out.at(-1) ? part(event, { part: number(out[0]!) }) : event)
    expect(await findings([intent, ...swapped, end, ...after])).toHaveLength(1)
    expect(await findings([intent, ...parts.with(0, part(parts[0]!, { stream: 'stderr' })), end, ...after])).toHaveLength(1)
  })
  test('is not asked for where it is erased, cut off by a death, or may still be on its way', async () => {
    const { parts, outcome: end } = await command(big)
    const events = [intent, ...parts, end, ...after]
    expect(await findings(events, new Set([parts[1]!.id]))).toEqual([])
    expect(await findings(events, new Set([end.id, parts[0]!.id]))).toEqual([])
    expect(await findings(events.filter((event) => event !== parts[2]), new Set([parts[1]!.id]))).toHaveLength(1)
    expect(await findings([intent, ...parts, ...after])).toEqual([])
    expect(await findings([intent, ...parts.slice(1), end])).toEqual([])
  })
})
