import { expect, test } from 'vitest'
import { makePermit } from '../../functions/decide/permit.ts'
import { within } from '../../functions/protocol/within.ts'
import { widest } from '../contract/target.ts'

test.each([
  ['nothing is said', undefined, 10_000], ['there is time enough', 111_000, 10_000], ['less is left, in whole seconds', 104_700, 4000], ['hardly any is left', 100_200, 1000], ['none is', 90_000, 1000],
])('of time a target gets what its limits say and no more than is left: %s', (_, until, timeoutMs) => {
  const permit = makePermit({ accesses: [], shown: [], used: [], readOnly: true, fingerprint: '' }, { masks: [], revealed: [], detect: [], limits: { ...widest, timeoutMs: 10_000 } })
  expect(within(permit, until === undefined ? {} : { until }, 100_000)).toEqual({ ...widest, timeoutMs })
})
