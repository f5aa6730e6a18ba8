import { describe, expect, test } from 'vitest'
import { mysqlServer, whyNot } from '../../local/server.mysql.ts'
import { runWorlds } from '../../oracle/mysql/worlds.ts'
import { runOracle } from '../../oracle/mysql.ts'

/** `npm run oracle -- mysql` asks about thousands. */
describe.skipIf(mysqlServer === null)(`the server as oracle${whyNot}`, () => {
  test('reads, opens and gives nothing beyond what was said of a statement', async () => {
    const tally = await runOracle({ count: 120, seed: 5 })
    expect(tally.disagreements).toEqual([])
    expect(tally.agrees).toBeGreaterThan(50)
  }, 120_000)
  test('shows nothing of a permitted statement that depends on a classified value', async () => {
    const { compared, differing } = await runWorlds({ count: 250, seed: 4 })
    expect(differing).toEqual([])
    expect(compared).toBeGreaterThan(30)
  }, 120_000)
  test('nor, over many rows and in small buffers, of how long one is', async () => {
    const { compared, differing } = await runWorlds({ count: 120, seed: 11, wide: true })
    expect(differing).toEqual([])
    expect(compared).toBeGreaterThan(20)
  }, 180_000)
})
