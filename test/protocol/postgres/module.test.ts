import load from 'libpg-query/wasm/libpg-query.js'
import { expect, test } from 'vitest'
import { grammarModule } from '../../../functions/protocol/postgres/module.ts'
import { parse } from '../../../functions/protocol/postgres/parse.ts'

test('an instance of the grammar takes a little more than its stack', async () => {
  const before = process.memoryUsage().external
  expect((await parse('select 1')).ok).toBe(true)
  expect((process.memoryUsage().external - before) / 1024 ** 2).toBeLessThan(64)
})
test('and grows when a statement wants more, to the tree that the statement has', async () => {
  const memories: { readonly buffer: ArrayBuffer }[] = []
  const scope = globalThis as { __dirname?: string }
  scope.__dirname ??= ''
  const pg = await load({
    instantiateWasm: (imports, done) => {
      const made = new WebAssembly.Instance(grammarModule(), imports)
      memories.push(...Object.values(made.exports).filter((value) => typeof value === 'object' && value !== null && 'buffer' in value))
      done(made, grammarModule())
      return made.exports
    },
    print: () => {}, printErr: () => {},
  })
  expect(memories.map(({ buffer }) => buffer.byteLength)).toEqual([640 * 65_536])
  const sql = `select ${'a.b, '.repeat(100_000)}c`
  const input = pg._malloc(sql.length + 1)
  pg.stringToUTF8(sql, input, sql.length + 1)
  const result = pg._wasm_parse_query_raw(input)
  const tree = JSON.parse(pg.UTF8ToString(pg.getValue(result, 'i32'))) as { readonly stmts: readonly { readonly stmt: { readonly SelectStmt: { readonly targetList: readonly unknown[] } } }[] }
  expect(tree.stmts[0]?.stmt.SelectStmt.targetList).toHaveLength(100_001)
  expect(memories[0]?.buffer.byteLength).toBeGreaterThan(640 * 65_536)
})
