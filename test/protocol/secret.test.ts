import { expect, test } from 'vitest'
import type { ConnectionDocument } from '../../schema/policy.ts'
import { secretName } from '../../functions/protocol/secret.ts'

const all = { write: 'w', read: 'r', plain: 'p' }
const shop: ConnectionDocument = { version: 1, kind: 'connection', name: 'shop', engine: 'postgres' }
test.each<[string, Partial<ConnectionDocument>, readonly [write: string | null, read: string | null, plain: string | null]]>([
  ['all three', { secrets: all }, ['w', 'r', 'p']],
  ['all three and one for everything', { secrets: all, secret: 's' }, ['w', 'r', 'p']],
  ['one for everything', { secret: 's' }, ['s', 's', 's']],
  ['one that reads, and no writing by it', { secrets: { read: 'r' } }, [null, 'r', 'r']],
  ['one that reads, and no writing by one that is blind to classes', { secrets: { read: 'r', plain: 'p' } }, [null, 'r', 'p']],
  ['one that reads beside one for everything', { secrets: { read: 'r' }, secret: 's' }, ['s', 'r', 'r']],
  ['none', {}, [null, null, null]],
])('a plan runs under the credential that can do the least of it: %s', (_, more, [write, read, plain]) => {
  const connection = { ...shop, ...more }
  expect([secretName(connection, { readOnly: false, plain: true }), secretName(connection, { readOnly: false, plain: false }), secretName(connection, { readOnly: true, plain: false }), secretName(connection, { readOnly: true, plain: true })]).toEqual([write, write, read, plain])
})
