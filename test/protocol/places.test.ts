import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test, vi } from 'vitest'
import { postInTurn } from '../../functions/protocol/endpoint.ts'
import { createLine, createPlaces } from '../../functions/protocol/places.ts'

test('everybody has a turn before anybody has a second, and each those who came first', async () => {
  const places = createPlaces(1)
  const order: string[] = []
  const first = await places.take('db', 1000, 'a')
  const all = [...['a1', 'a2', 'a3', 'a4'].map((name) => ['a', name]), ['b', 'b1'], ['b', 'b2'], ['c', 'c1']].map(async ([whose = '', name = '']) => {
    const leave = await places.take('db', 60_000, whose)
    order.push(name)
    leave()
    leave()                                                              // once is all it counts
  })
  first()
  await Promise.all(all)
  expect(order).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3', 'a4'])
})

test('no more than so many at once, whoever comes; another key has places of its own', async () => {
  const places = createPlaces(2)
  let [now, most] = [0, 0]
  await Promise.all(Array.from({ length: 30 }, async (_, i) => {
    const leave = await places.take('db', 60_000, `agent:${i % 3}`)
    most = Math.max(most, ++now)
    if (now === 2) (await places.take('other', 1000))()
    await new Promise((resolve) => { setImmediate(resolve) })
    now--
    leave()
  }))
  expect([most, now]).toEqual([2, 0])
})

test('whose turn does not come in time is told so, and holds no place afterwards', async () => {
  const places = createPlaces(1)
  const leave = await places.take('db', 1000, 'a')
  await expect(places.take('db', 1, 'b')).rejects.toMatchObject({ kind: 'unreachable' })
  const later = places.take('db', 60_000, 'c')
  leave()
  ;(await later)()
  ;(await places.take('db', 1000, 'b'))()
})

test('who leaves a line has no turn in it', () => {
  const line = createLine<string>()
  const leave = line.join('a', 'a1')
  line.join('b', 'b1')
  leave()
  expect([line.next(), line.next()]).toEqual(['b1', 'b1'])                // whoever is next leaves by itself
})

test('one caller\'s slow statements keep no other from an endpoint for longer than until one of them ends; what had no turn in time never reached it', async () => {
  const arrived: string[] = []
  const held: ServerResponse[] = []
  const server = createServer((request, response) => {
    let text = ''
    request.on('data', (chunk: Buffer) => { text += chunk.toString() }).on('end', () => { arrived.push(text); if (text.startsWith('slow')) held.push(response); else response.end('{}') })
  })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  const send = (body: string, whose: string, timeoutMs = 50_000) => postInTurn(`http://127.0.0.1:${(server.address() as AddressInfo).port}/sql`, {}, body, { maxBytes: 1000, timeoutMs, whose })
  const slow = Array.from({ length: 100 }, (_, i) => send(`slow ${i}`, 'a'))
  await vi.waitFor(() => { expect(held).toHaveLength(64) })
  await expect(send('late', 'b', 1)).rejects.toMatchObject({ kind: 'unreachable' })
  const quick = send('quick', 'b')
  held.shift()?.end('{}')
  held.shift()?.end('{}')
  expect((await quick).status).toBe(200)
  await vi.waitFor(() => { expect(arrived.filter((text) => text.startsWith('slow'))).toHaveLength(66) })   // the other place, and the one that `quick` gave back
  expect(arrived).not.toContain('late')
  const ending = setInterval(() => { for (const one of held.splice(0)) one.end('{}') }, 5)
  await Promise.all(slow)
  clearInterval(ending)
  await new Promise((resolve) => { server.close(resolve); server.closeAllConnections() })
})
