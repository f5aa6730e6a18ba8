import { EventEmitter } from 'node:events'
import type { Client } from 'ssh2'
import { expect, test } from 'vitest'
import { weigh } from '../../../functions/protocol/ssh/weigh.ts'

/** A library's client, and what it hears: packets of some bytes around what they bring. */
function hearing() {
  const asked: string[] = []
  const channel = { incoming: { window: 2 * 1024 * 1024 } }
  const protocol = { _onPacket: () => undefined as void, _handlers: { CHANNEL_DATA: () => undefined as void, CHANNEL_EXTENDED_DATA: () => undefined as void, GLOBAL_REQUEST: (_: unknown, name: string) => { asked.push(name) } } }
  const client = Object.assign(new EventEmitter(), { _protocol: protocol, _chanMgr: { get: (id: number) => (id === 0 ? channel : undefined) } })
  let at = 0
  const scale = weigh(client as unknown as Client, () => at)
  const handlers = protocol._handlers as unknown as Record<string, (...said: unknown[]) => void>
  return {
    scale, asked, channel, client, handlers, pass: (ms: number) => { at += ms },
    data: (bytes: number, { id = 0, name = 'CHANNEL_DATA', around = 40 } = {}) => { protocol._onPacket(); handlers[name]?.(protocol, id, Buffer.alloc(bytes)); return scale.take(bytes + around) },
    other: (bytes: number) => { protocol._onPacket(); return scale.take(bytes) },
  }
}

test('what a command writes weighs nothing, in large packets and small, on either output', () => {
  const { scale, data } = hearing()
  for (let n = 0; n < 20_000; n++) data(n % 3 === 0 ? 1 : 800, { name: n % 2 ? 'CHANNEL_DATA' : 'CHANNEL_EXTENDED_DATA' })
  expect(scale.over()).toBe(false)
})
test.each<readonly [string, (one: ReturnType<typeof hearing>) => void]>([
  ['requests', ({ other }) => { other(52) }], ['padding', ({ other }) => { other(200) }], ['packets of nothing', ({ data }) => { data(0) }], ['data for nobody', ({ data }) => { data(100, { id: 7 }) }],
  ['data over the window', ({ data, channel }) => { channel.incoming.window = 0; data(100) }], ['exchanges of keys', ({ client, other }) => { client.emit('handshake'); other(600) }],
])('%s weigh, and too many are too much', (_, say) => {
  const one = hearing()
  for (let n = 0; n < 20; n++) say(one)
  expect(one.scale.over()).toBe(false)
  for (let n = 0; n < 8000; n++) say(one)
  expect(one.scale.over()).toBe(true)
})
test('what was written in small packets pays for nothing that comes later', () => {
  const { scale, data, other } = hearing()
  for (let n = 0; n < 20_000; n++) data(1)
  for (let n = 0; n < 8000; n++) other(36)
  expect(scale.over()).toBe(true)
})
test('an hour of keepalives, and of new keys each minute, is not too much', () => {
  const { scale, other, client, pass } = hearing()
  for (let second = 0; second < 3600; second++) {
    pass(1000)
    other(52)
    if (second % 60 === 0) { client.emit('handshake'); other(2500) }
    expect(scale.over()).toBe(false)
  }
})
test('a host that writes by letters rests, and one that fills its packets does not', () => {
  const rest = (bytes: number, times: number) => { const { data } = hearing(); let ms = 0; for (let n = 0; n < times; n++) ms += data(bytes); return ms }
  expect(rest(1, 1000)).toBeGreaterThan(150)
  expect(rest(1, 20)).toBe(0)
  expect([rest(400, 10_000), rest(32_000, 1000)]).toEqual([0, 0])
})
test('the keys that a host names are not proved, and what else it asks is answered', () => {
  const { handlers, asked } = hearing()
  for (const name of ['hostkeys-00@openssh.com', 'keepalive@openssh.com']) handlers['GLOBAL_REQUEST']?.(null, name, true)
  expect(asked).toEqual(['keepalive@openssh.com'])
})
