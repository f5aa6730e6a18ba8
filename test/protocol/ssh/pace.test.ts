import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { pace } from '../../../functions/protocol/ssh/pace.ts'

const servers: Server[] = []
afterEach(async () => { for (const server of servers.splice(0)) await new Promise((resolve) => { server.close(resolve) }) })
/** A connection, and its other end. */
async function pair(): Promise<readonly [Socket, Socket]> {
  const server = createServer().listen(0, '127.0.0.1')
  servers.push(server)
  await once(server, 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [[other]] = await Promise.all([once(server, 'connection') as Promise<[Socket]>, once(socket, 'connect')])
  return [socket, other.on('error', () => undefined)]
}
const numbered = (bytes: number): Buffer => Buffer.from(Array.from({ length: bytes / 8 }, (_, at) => String(at).padStart(7, '0') + '\n').join(''))

describe('a connection that is read by turns', () => {
  test('gives all that came, in order, and then its end, also where the other end is long gone', async () => {
    const all = numbered(4_000_000)
    for (const held of [false, true]) {
      const [socket, other] = await pair()
      other.end(all)
      const paced = pace(socket, () => 0)
      const came: Buffer[] = []
      paced.on('data', (piece: Buffer) => { came.push(piece); if (held) { paced.pause(); setTimeout(() => { paced.resume() }, came.length % 16 === 0 ? 5 : 0) } })
      await once(paced, 'close')
      expect(Buffer.concat(came).equals(all)).toBe(true)
      expect(socket.destroyed).toBe(true)
    }
  })
  test('leaves a round of the loop between two pieces, whosever they are', async () => {
    const pairs = await Promise.all([pair(), pair(), pair()])
    let [round, counting] = [0, true]
    const count = () => { round++; if (counting) setImmediate(count) }
    setImmediate(count)
    const rounds: number[] = []
    const ends = pairs.map(async ([socket, other]) => {
      other.end(Buffer.alloc(2_000_000))
      const paced = pace(socket, () => 0).on('data', (piece: Buffer) => { rounds.push(round); expect(piece.length).toBeLessThanOrEqual(32 * 1024) })
      await once(paced, 'close')
    })
    await Promise.all(ends)
    counting = false
    expect(rounds.length).toBeGreaterThan(180)
    expect(new Set(rounds).size).toBe(rounds.length)
  })
  test('takes nothing while nobody takes what it has, nor while it rests', async () => {
    for (const [weigh, hold] of [[() => 0, true], [() => 60_000, false]] as const) {
      const [socket, other] = await pair()
      const paced = pace(socket, weigh)
      let came = 0
      paced.on('data', (piece: Buffer) => { came += piece.length })
      if (hold) paced.pause()
      const block = Buffer.alloc(1_000_000)
      let left = 64
      const more = () => { while (left-- > 0 && other.write(block)); }
      other.on('drain', more)
      more()
      await pause(300)
      expect([came <= 32 * 1024, socket.bytesRead < 1_000_000, left > 0]).toEqual([true, true, true])
      paced.destroy()
      other.destroy()
    }
  })
  test('weighs what was taken, once it was', async () => {
    const [socket, other] = await pair()
    let [weighed, taken] = [0, 0]
    const paced = pace(socket, (bytes) => { weighed += bytes; expect(weighed).toBe(taken); return 0 }).on('data', (piece: Buffer) => { taken += piece.length })
    other.end(Buffer.alloc(500_000))
    await once(paced, 'close')
    expect([weighed, taken]).toEqual([500_000, 500_000])
  })
  test('passes on what is written, ends as its other end does, and breaks off as it', async () => {
    const [socket, other] = await pair()
    const paced = pace(socket, () => 0)
    paced.resume()
    paced.end('bye')
    expect(String((await once(other, 'data') as [Buffer])[0])).toBe('bye')
    await Promise.all([once(paced, 'close'), once(other.end(), 'close')])
    const [broken, breaking] = await pair()
    const torn = pace(broken, () => 0)
    torn.resume()
    breaking.resetAndDestroy()
    expect(await once(torn, 'close').catch((error: NodeJS.ErrnoException) => error.code)).toBe('ECONNRESET')
    expect(torn.destroyed).toBe(true)
  })
})
