import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Rig } from './rig.ts'

/** What IdempotencyStore promises, whoever keeps it. */
export function idempotencyContract(name: string, create: () => Promise<Rig>): void {
  describe(`idempotency by ${name}`, () => {
    let rig: Rig
    beforeEach(async () => { rig = await create() })
    afterEach(() => rig.close())
    const entry = (body = 'b1') => ({ body, evaluation: rig.ports.id('eval'), settleBy: rig.clock.ms + 60_000 })

    test('of many at once one claims, and the others see its body and no answer', async () => {
      const entries = Array.from({ length: 8 }, () => entry())
      const answers = await Promise.all(entries.map((one, i) => (i % 2 ? rig.other() : rig.ports).idempotency.claim('k', one)))
      expect(answers.filter(({ claimed }) => claimed)).toHaveLength(1)
      const winner = entries[answers.findIndex(({ claimed }) => claimed)]
      for (const answer of answers) if (!answer.claimed) expect(answer).toEqual({ claimed: false, ...winner, answer: null })
    })

    test('the answer is found by the next call, whole, also when there is no body', async () => {
      const first = entry()
      await rig.ports.idempotency.claim('k', first)
      await rig.ports.idempotency.settle('k', first.evaluation, { status: 200, body: '{"rows":["€"]}' })
      expect(await rig.other().idempotency.claim('k', entry())).toMatchObject({ claimed: false, body: 'b1', answer: { status: 200, body: '{"rows":["€"]}' } })
      const second = entry()
      await rig.ports.idempotency.claim('l', second)
      await rig.ports.idempotency.settle('l', second.evaluation, { status: 200, body: null })
      expect(await rig.other().idempotency.claim('l', entry())).toMatchObject({ answer: { status: 200, body: null } })
    })

    test('a claim that was stored, its answer lost, knows itself when it is sent again', async () => {
      rig.break({ after: 'drop' }, { operation: 'PutItem', only: 1 })
      expect(await rig.ports.idempotency.claim('k', entry())).toEqual({ claimed: true })
    })

    test('a claim that fails claims nothing, one whose every answer is lost holds the key', async () => {
      rig.break({ before: 'error' })
      await expect(rig.ports.idempotency.claim('k', entry())).rejects.toMatchObject({ code: 'store-unavailable' })
      rig.heal()
      const first = entry()
      rig.break({ after: 'error' })
      await expect(rig.ports.idempotency.claim('k', first)).rejects.toMatchObject({ code: 'store-unavailable' })
      rig.heal()
      expect(await rig.ports.idempotency.claim('k', entry())).toMatchObject({ claimed: false, evaluation: first.evaluation })
    })

    test('an evaluation that has answered cannot claim its key again and run twice', async () => {
      const first = entry()
      await rig.ports.idempotency.claim('k', first)
      await rig.ports.idempotency.settle('k', first.evaluation, { status: 200, body: '{}' })
      expect(await rig.ports.idempotency.claim('k', first)).toMatchObject({ claimed: false })
    })

    test('only the evaluation that claimed may answer or let go', async () => {
      await rig.ports.idempotency.claim('k', entry())
      await expect(rig.ports.idempotency.settle('k', rig.ports.id('eval'), { status: 200, body: '{}' })).rejects.toThrow(/ConditionalCheckFailed/)
      await rig.ports.idempotency.release('k', rig.ports.id('eval'))
      expect(await rig.ports.idempotency.claim('k', entry())).toMatchObject({ claimed: false, answer: null })
    })

    test('a key let go is free, and letting go twice does no harm', async () => {
      const first = entry()
      await rig.ports.idempotency.claim('k', first)
      rig.break({ after: 'drop' }, { operation: 'DeleteItem', only: 1 })
      await rig.ports.idempotency.release('k', first.evaluation)
      await rig.ports.idempotency.release('k', first.evaluation)
      expect(await rig.ports.idempotency.claim('k', entry('b2'))).toEqual({ claimed: true })
    })

    test('a key is free after 24 hours, though nothing deleted it yet', async () => {
      await rig.ports.idempotency.claim('k', entry())
      rig.clock.ms += 24 * 3_600_000
      expect(await rig.ports.idempotency.claim('k', entry())).toMatchObject({ claimed: false })
      rig.clock.ms += 1000
      expect(await rig.ports.idempotency.claim('k', entry())).toEqual({ claimed: true })
    })
  })
}
