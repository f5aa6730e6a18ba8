import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { adapters, type Adapter } from '../../infra/grants.ts'

/** Which files of functions/aws are which adapter. A file that speaks to DynamoDB and is none of these fails the last test. */
const files: Readonly<Record<Exclude<Adapter, 'standing' | 'append' | 'erasure' | 'logReader'>, readonly string[]>> = {
  policies: ['policies.ts'], ledger: ['ledger.ts', 'list.ts', 'entry.ts', 'transact.ts'], unsettled: ['unsettled.ts'], idempotency: ['idempotency.ts'], meter: ['meter.ts'],
  requests: ['requests.ts', 'requestlist.ts', 'results.ts', 'transact.ts'], workflow: ['workflow.ts'], sockets: ['sockets.ts'], content: ['keys.ts'], logWriter: ['logstore.ts'],
}
/** Adapters that are parts of one file, by what they leave to others. */
const parts: Readonly<Partial<Record<Adapter, readonly Adapter[]>>> = { policies: ['standing'], ledger: ['append'], content: ['erasure'], logWriter: ['logReader'] }
const folder = join(import.meta.dirname, '../../functions/aws')
const operations = /'(GetItem|PutItem|UpdateItem|DeleteItem|Query|BatchGetItem|Scan|BatchWriteItem|TransactGetItems)'/g
const inTransactions = /\{ (Put|Update|Delete|ConditionCheck): /g
const actionOf = { Put: 'PutItem', Update: 'UpdateItem', Delete: 'DeleteItem', ConditionCheck: 'ConditionCheckItem' } as const

const sent = (names: readonly string[]): readonly string[] => [...new Set(names.flatMap((name) => {
  const text = readFileSync(join(folder, name), 'utf8')
  return [...[...text.matchAll(operations)].map((match) => match[1] ?? ''), ...[...text.matchAll(inTransactions)].map((match) => actionOf[match[1] as keyof typeof actionOf])]
}))].sort()

test.each(Object.entries(files))('%s asks for exactly what its role may', (name, of) => {
  const given = [name as Adapter, ...(parts[name as Adapter] ?? [])].flatMap((adapter) => Object.values(adapters[adapter] as Readonly<Record<string, readonly string[]>>).flat())
  expect([...new Set(given)].sort()).toEqual(sent(of))
})

test('no file of functions/aws speaks to DynamoDB and is of no adapter', () => {
  const known = new Set([...Object.values(files).flat(), 'tables.ts', 'sdk.ts', 'signed.ts', 'dynamo.ts', 'prefix.ts'])      // tables are made by infra/, the rest carries
  const others = readdirSync(folder).filter((name) => name.endsWith('.ts') && !known.has(name) && sent([name]).length > 0)
  expect(others).toEqual([])
})
