import type * as Files from 'node:fs'
import { expect, test, vi } from 'vitest'

const [left, read] = [{ failing: 1 }, { times: 0 }]
vi.mock('node:fs', async (original) => {
  const fs = await original<typeof Files>()
  return {
    ...fs,
    readFileSync: (...args: Parameters<typeof fs.readFileSync>) => {
      if (!String(args[0]).endsWith('.wasm')) return fs.readFileSync(...args)
      read.times++
      if (left.failing-- > 0) throw Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' })
      return fs.readFileSync(...args)
    },
  }
})

test('a grammar that could not be read once is read again by the next statement, and then never more', async () => {
  const { parse } = await import('../../../functions/protocol/postgres/parse.ts')
  expect(read.times).toBe(0)
  await expect(parse('select 1')).rejects.toThrow('EMFILE')
  expect((await parse('select 1')).ok).toBe(true)
  expect((await parse('select 2')).ok).toBe(true)
  expect(read.times).toBe(2)
})
