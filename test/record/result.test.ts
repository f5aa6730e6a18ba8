import { describe, expect, test } from 'vitest'
import { createHash } from 'node:crypto'
import { rowsBody } from '../../functions/answer.ts'
import { createApp } from '../../functions/app.ts'
import { resultOf, resultsText } from '../../functions/record/result.ts'
import type { Masked } from '../../functions/protocol/protocol.ts'
import { createGateway, support } from '../support/caller.ts'
import { demo } from '../support/policy.ts'
import { createWorld } from '../support/ports.ts'
import type { OutcomeEvent } from '../../schema/event.ts'
import type { PolicyDocument } from '../../schema/policy.ts'

const masked = (rows: readonly unknown[], results = 1): Masked =>
  ({ results: Array.from({ length: results }, () => ({ columns: [{ name: 'a', type: 'text' }], rows, rowCount: rows.length, truncated: false })) }) as unknown as Masked

describe('an answer on record', () => {
  test('is the first 32 KB of it, what it was in all, and never half a character', () => {
    for (const text of ['x', '😀', '\u20ac', '\u0000"\\']) {
      const answer = masked([{ a: text.repeat(40_000) }])
      const all = resultsText(answer)
      const kept = resultOf(answer, [])
      expect(kept).toMatchObject({ bytes: Buffer.byteLength(all), sha256: createHash('sha256').update(all).digest('hex') })
      expect(all.startsWith(kept?.text ?? 'none')).toBe(true)
      expect(Buffer.byteLength(kept?.text ?? '')).toBeLessThanOrEqual(32 * 1024)
      expect(Buffer.byteLength(kept?.text ?? '')).toBeGreaterThan(32 * 1024 - 4)
      expect(kept?.text).not.toContain('\ufffd')
    }
    expect(resultOf(masked([{ a: 1 }]), [])).toMatchObject({ text: JSON.stringify(masked([{ a: 1 }]).results) })
  })
  test('holds no row where a class came in clear, and no secret', () => {
    expect(resultOf(masked([{ a: 'ssn' }]), ['pii.ssn'])).toMatchObject({ text: null, sha256: expect.any(String) })
    expect(resultOf(masked([{ a: 'AKIAIOSFODNN7EXAMPLE' }]), [])?.text).not.toContain('IOSFODNN7')
  })
  test('what the caller gets is the same, byte by byte, as if nothing were kept', () => {
    const about = { evaluation: 'eval_1', session: null, event: 'evt_1' }
    const tail = { evaluation: 'eval_1', session: null, receipt: { event: 'evt_1' } }
    for (const [answer, batch] of [[masked([{ a: 1 }]), false], [masked([]), false], [masked([{ a: 1 }], 2), true], [masked([], 0), true], [masked([], 0), false], [masked([{ a: 1 }], 2), false]] as const) {
      expect(rowsBody(answer, batch, about)).toBe(JSON.stringify(batch ? { results: answer.results, ...tail } : { ...answer.results[0], ...tail }))
    }
  })
})

describe('what a connection lets be kept', () => {
  async function outcome(record?: 'results' | 'none'): Promise<OutcomeEvent> {
    const shop = { ...demo['shop.yaml'], ...(record === undefined ? {} : { record }) } as PolicyDocument
    const world = createWorld({ ...demo, 'shop.yaml': shop })
    const agent = await createGateway(world, createApp(world.ports)).as(support)
    const reply = await agent.call('POST', '/v1/connections/shop/query', { sql: 'select id, email from public.customers' })
    expect(reply.status).toBe(200)
    const found = world.events.find(({ kind }) => kind === 'outcome') as OutcomeEvent
    if (found.result?.text) expect(JSON.parse(found.result.text)).toMatchObject([{ rows: reply.json['rows'] }])
    return found
  }
  test('what it was masked as', async () => {
    const { result } = await outcome()
    expect(result?.text).toContain('‹masked›')
    expect((await outcome('results')).result?.sha256).toBe(result?.sha256)
  })
  test('`record: none`: nothing, not even a digest', async () => { expect(await outcome('none')).not.toHaveProperty('result') })
})
