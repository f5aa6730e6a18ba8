import { Hono } from 'hono'
import { expect, test } from 'vitest'
import { behindEdge } from '../../functions/aws/edge.ts'

const app = () => new Hono().get('/x', (c) => c.text(JSON.stringify(c.env))).notFound((c) => c.text('ours', 404))

test('what does not come past the edge gets nothing, whatever it says', async () => {
  const edge = behindEdge(app(), { SLUICE_EDGE_KEY: 'k'.repeat(44) })
  for (const headers of [{}, { 'x-sluice-edge': '' }, { 'x-sluice-edge': 'k'.repeat(43) }, { 'x-sluice-edge': `${'k'.repeat(44)}, ${'k'.repeat(44)}` }]) {
    const answer = await edge.request('/x', { headers })
    expect([answer.status, await answer.text()]).toEqual([403, ''])
  }
  expect((await edge.request('/x', { headers: { 'x-sluice-edge': 'k'.repeat(44) } })).status).toBe(200)
  expect(await (await edge.request('/nothing', { headers: { 'x-sluice-edge': 'k'.repeat(44) } })).text()).toBe('ours')
})

test('the platform\'s own event reaches the app', async () => {
  const edge = behindEdge(app(), {})
  expect(await (await edge.request('/x', {}, { event: { rawPath: '/x' } })).json()).toEqual({ event: { rawPath: '/x' } })
})
