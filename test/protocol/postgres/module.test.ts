import { expect, test } from 'vitest'
import { grammarModule } from '../../../functions/protocol/postgres/module.ts'
import { parse } from '../../../functions/protocol/postgres/parse.ts'

test('an instance of the grammar takes a little more than its stack, and grows when a statement wants more', async () => {
  const grow = process.memoryUsage().external
  expect((await parse('select 1')).ok).toBe(true)
  expect((process.memoryUsage().external - grow) / 1024 ** 2).toBeLessThan(64)
  const wide = `select ${Array.from({ length: 6000 }, (_, n) => `a.b${n % 10}`).join(' + 1, ')}`
  const parsed = await parse(`${wide.slice(0, 64_000).replace(/[^,]*$/, '')} 1`)
  expect(parsed.ok).toBe(true)
  expect((process.memoryUsage().external - grow) / 1024 ** 2).toBeLessThan(256)
})
test('the module is compiled once', () => {
  expect(grammarModule()).toBe(grammarModule())
})
