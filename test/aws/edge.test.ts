import { Hono, type Context } from 'hono'
import { TrieRouter } from 'hono/router/trie-router'
import { expect, test } from 'vitest'
import { behindEdge } from '../../functions/aws/edge.ts'

const app = () => new Hono().get('/x', (c) => c.text(JSON.stringify(c.env))).notFound((c) => c.text('ours', 404))

test('what does not come past the edge gets nothing, whatever it says', async () => {
  const edge = behindEdge(app(), 'all', { SLUICE_EDGE_KEY: 'k'.repeat(44) })
  for (const headers of [{}, { 'x-sluice-edge': '' }, { 'x-sluice-edge': 'k'.repeat(43) }, { 'x-sluice-edge': `${'k'.repeat(44)}, ${'k'.repeat(44)}` }]) {
    const answer = await edge.request('/x', { headers })
    expect([answer.status, await answer.text()]).toEqual([403, ''])
  }
  expect((await edge.request('/x', { headers: { 'x-sluice-edge': 'k'.repeat(44) } })).status).toBe(200)
  expect(await (await edge.request('/nothing', { headers: { 'x-sluice-edge': 'k'.repeat(44) } })).text()).toBe('ours')
})

test('the platform\'s own event reaches the app', async () => {
  const edge = behindEdge(app(), 'all', {})
  expect(await (await edge.request('/x', {}, { event: { rawPath: '/x' } })).json()).toEqual({ event: { rawPath: '/x' } })
})

test('a request reaches the app as it came, so that a deployed gate reads a path as any other does', async () => {
  const said = new Hono().all('*', (c) => c.text(c.req.raw.url))
  for (const path of ['/a//b', '/a/%2e%2e%2fb', '/a%2fb/', '/a?x=%2f', '/%ff', '//a']) expect(await (await behindEdge(said, 'all', {}).request(path)).text()).toBe(new URL(`http://localhost${path}`).href)
})

test('where waiting has places of its own, nobody waits here: not by a preference, however it is spelt, not by a call that waits inside, and nothing lasts', async () => {
  const echo = new Hono({ router: new TrieRouter() }).post('/x', async (c) => c.json({ prefer: c.req.header('prefer') ?? null, other: c.req.header('other'), body: await c.req.text() })).post('/mcp', (c) => c.text('held')).post('/v1/connections/:connection/exec', (c) => c.text('ran'))
  const edge = behindEdge(echo, 'brief', {})
  for (const prefer of ['wait=55', 'respond-async, wait=55', ' WAIT = "55"', 'return=minimal']) {
    expect(await (await edge.request('/x', { method: 'POST', headers: { prefer, other: 'o' }, body: 'text' })).json()).toEqual({ prefer: null, other: 'o', body: 'text' })
  }
  for (const path of ['/mcp', '/%6dcp', '/m%63p', '//mcp', '/mcp/', '/./mcp', '/%2e/mcp', '/x/..%2fmcp', '/x/%2e%2e/mcp', '/mcp?x', '/mcp%3fx', '/\\mcp', '/mcp%00']) expect((await edge.request(path, { method: 'POST', body: '{}' })).status, path).not.toBe(200)
  for (const path of ['/bastion/exec', '/bastion/%65xec', '/b%61stion/exe%63', '/bastion%2fexec', '//exec', '/bastion/exec?x=1', '/bastion/exec/', '/./bastion/exec', '/x/../bastion/exec', '/bastion%2f..%2fexec']) expect((await edge.request(`/v1/connections${path}`, { method: 'POST', body: '{}' })).status, path).not.toBe(200)
  expect((await edge.request('/v1/connections/bastion/exec', { method: 'POST' })).status).toBe(421)
  for (const target of ['/pods?watch=true', '/pods?w%61tch=1', '/pods?limit=5&watch', '/watch/pods', '/w%61tch/pods', '/pods/x/log?follow=true', '/pods?WATCH=1']) {
    expect((await edge.request(`/v1/kubernetes/cluster/api/v1${target}`)).status, target).toBe(421)
  }
  for (const target of ['/pods', '/pods?limit=5&labelSelector=app%3Dwatch', '/namespaces/watchers/pods']) expect((await edge.request(`/v1/kubernetes/cluster/api/v1${target}`)).status, target).toBe(404)
  expect((await edge.request('/x?watch=true', { method: 'POST' })).status).toBe(200)
  expect(await (await behindEdge(echo, 'all', {}).request('/x', { method: 'POST', headers: { prefer: 'wait=55', other: 'o' }, body: 'text' })).json()).toMatchObject({ prefer: 'wait=55' })
  expect((await behindEdge(echo, 'all', {}).request('/mcp', { method: 'POST' })).status).toBe(200)
})

test('where things last, a command waits for no people and has no longer than somebody listens; a stream has as long as its function', async () => {
  const left = (c: Context): number => Math.round((c.env as { context: { getRemainingTimeInMillis: () => number } }).context.getRemainingTimeInMillis() / 1000)
  const echo = new Hono().all('*', (c) => c.json({ prefer: c.req.header('prefer') ?? null, left: left(c), path: (c.env as { event: { rawPath: string } }).event.rawPath }))
  const ask = async (path: string, seconds: number) => (await behindEdge(echo, 'lasting', {}).request(path, { method: 'POST', headers: { prefer: 'wait=55' } }, { event: { rawPath: path }, context: { getRemainingTimeInMillis: () => seconds * 1000 } })).json()
  expect(await ask('/v1/connections/bastion/exec', 900)).toEqual({ prefer: null, left: 118, path: '/v1/connections/bastion/exec' })
  expect(await ask('/v1/connections/bastion/exec', 60)).toEqual({ prefer: null, left: 60, path: '/v1/connections/bastion/exec' })
  expect(await ask('/v1/kubernetes/cluster/api/v1/pods', 900)).toEqual({ prefer: 'wait=55', left: 900, path: '/v1/kubernetes/cluster/api/v1/pods' })
})
