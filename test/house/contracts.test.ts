import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { listed, page, tables } from '../contract/table.ts'

test('docs/contracts.md tells of every promise there is, for every adapter, and of no other, and says of none that it is broken; `npm run contract` writes it', () => {
  const told = readFileSync(page, 'utf8')
  expect(told.slice(told.indexOf('### '))).toBe(tables(listed(), () => 'kept'))
}, 180_000)
