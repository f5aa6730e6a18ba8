import type { Client } from 'ssh2'

/** What a host may say that is no output of its command: so much, and so much more a second, which is the keepalive and a new exchange of keys now and then. */
const [freeBytes, freeBytesEachSecond] = [256 * 1024, 1024]
/** Around the data of one packet there is less than this. */
const aroundBytes = 64
/** What an exchange of keys counts for: its few hundred bytes cost more than as many of anything else. */
const exchangeBytes = 8 * 1024
/** Packets that bring less than so much each are read at most so fast. An honest host that writes by letters fills its packets when they are not taken at once. */
const [fullBytes, restMsEach, leastRestMs] = [256, 0.2, 8]

/** What of the library is used below its own surface: who hears of a packet, and of what kind it was. */
interface Inner {
  readonly _protocol: { _onPacket: () => void; readonly _handlers: Record<'CHANNEL_DATA' | 'CHANNEL_EXTENDED_DATA', Data> & { GLOBAL_REQUEST: (protocol: unknown, name: string, ...rest: unknown[]) => void } }
  readonly _chanMgr: { get(id: number): unknown }
}
type Data = (protocol: unknown, recipient: number, data: Buffer, ...rest: unknown[]) => void
const proving = 'hostkeys-00@openssh.com'

/**
 * Weighs what a host says, from its name to its end. What its command writes has bounds of its own; of everything else (requests, exchanges of keys, padding, data that nobody asked for or that is over its window) a host that
 * was let in could say as much as it likes, and every packet is work for the gate. `client`: it was told to connect, and has read nothing.
 */
export function weigh(client: Client, now: () => number) {
  const { _protocol: protocol, _chanMgr: channels } = client as unknown as Inner
  const beganAt = now()
  let [idle, wrote, packets, owed] = [0, 0, 0, 0]
  protocol._onPacket = () => { packets++ }
  client.on('handshake', () => { idle += exchangeBytes })
  const { _handlers: handlers } = protocol
  for (const name of ['CHANNEL_DATA', 'CHANNEL_EXTENDED_DATA'] as const) {
    const plain = handlers[name]
    handlers[name] = (inner, recipient, data, ...rest) => {
      if (data.length > 0 && windowOf(channels.get(recipient)) > 0) wrote += data.length + aroundBytes
      plain(inner, recipient, data, ...rest)
    }
  }
  const asked = handlers.GLOBAL_REQUEST
  // The library would have each key that a host names proved, which is work; nothing is learned of a host.
  handlers.GLOBAL_REQUEST = (inner, name, ...rest) => { if (name !== proving) asked(inner, name, ...rest) }
  return {
    /** Takes how much was read since, and gives how long to rest, ms. */
    take(bytes: number): number {
      idle = Math.max(0, idle + bytes - wrote)                         // what a command writes pays for itself, and for nothing that comes later
      wrote = 0
      owed = Math.max(0, owed + (packets - bytes / fullBytes) * restMsEach)
      packets = 0
      if (owed < leastRestMs) return 0
      const restMs = Math.ceil(owed)
      owed = 0
      return restMs
    },
    /** It said more than it may. */
    over: () => idle > freeBytes + freeBytesEachSecond * (now() - beganAt) / 1000,
  }
}

const windowOf = (channel: unknown): number => (typeof channel === 'object' && channel !== null ? (channel as { readonly incoming: { readonly window: number } }).incoming.window : 0)
