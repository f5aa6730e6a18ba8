import { expect, test } from 'vitest'
import { createGateway, platform, support } from '../support/caller.ts'
import { lead } from '../support/approvals.ts'
import { connect } from './client.ts'

/** Four bytes a token: what the issue counts by, and within a fifth of what tokenizers in use give for JSON. */
const tokens = (text: string) => Math.ceil(Buffer.byteLength(text) / 4)

test('all tools together cost under 1 500 tokens, and every caller is told of the same ones', async () => {
  const { app, as: _as, world } = createGateway()
  const lists = []
  for (const who of [support, platform, lead]) {
    const { client } = await connect(app, await world.token(who))
    lists.push(JSON.stringify((await client.listTools()).tools) + (client.getInstructions() ?? ''))
  }
  console.log(`tools/list and instructions: ${tokens(lists[0] ?? '')} tokens`)
  expect(tokens(lists[0] ?? '')).toBeLessThan(1500)
  expect(new Set(lists).size).toBe(1)
})

test('no tool decides a request, and each says honestly what it may do', async () => {
  const { app, world } = createGateway()
  const { client } = await connect(app, await world.token(lead))
  const { tools } = await client.listTools()
  expect(tools.map(({ name, annotations }) => [name, annotations?.readOnlyHint, annotations?.destructiveHint])).toEqual([['access', true, undefined], ['run', false, true], ['kubernetes', false, true], ['command', false, true], ['follow', true, undefined]])
  expect(tools.flatMap(({ inputSchema }) => Object.keys(inputSchema.properties ?? {}))).not.toEqual(expect.arrayContaining(['decision']))
  for (const name of ['approve', 'decide', 'reject', '__proto__', 'constructor']) await expect(client.callTool({ name, arguments: {} })).rejects.toThrow(/no such tool/)
})

test('what one may do is told in lines an agent can plan from, and nothing else of the target', async () => {
  const { app, world } = createGateway()
  const { call } = await connect(app, await world.token(support))
  const all = await call('access', {})
  expect(all.data?.['tables']).toContain('public.refunds: select, insert after approval, update after approval (id int4, order_id int4, amount numeric, reason text, status text)')
  expect(JSON.stringify(all.data)).toMatch(/email text pii\.email masked as email/)
  expect(all.text).not.toMatch(/payroll|payments|hidden/)
  expect((await call('access', { match: 'REFUND' })).data?.['tables']).toHaveLength(1)
  expect(await call('access', { connection: 'hidden' })).toMatchObject({ isError: true, structured: { slug: 'not-found' } })
  expect(await call('access', { conection: 'shop' })).toMatchObject({ isError: true, structured: { slug: 'invalid-request' } })
})

test('of a target with thousands of tables, what fits is told, and how to narrow', async () => {
  const { app, world } = createGateway()
  world.engine.describe = async () => ({ relations: Array.from({ length: 3000 }, (_, i) => ({ schema: 'public', name: i === 2999 ? 'orders' : 'order_items', kind: 'table' as const, columns: [{ name: `column_${i}`, type: 'text', nullable: true, class: null }] })) })
  const { call } = await connect(app, await world.token(support))
  const { text, data } = await call('access', {})
  expect(tokens(text)).toBeLessThan(6000)
  expect(data?.['notShown']).toBeGreaterThan(1000)
  expect((await call('access', { match: 'orders' })).data?.['tables']).toHaveLength(1)
})
