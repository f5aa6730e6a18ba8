import type { Gate } from '../gate.ts'
import { createOwn } from '../own.ts'
import type { Ports } from '../ports.ts'
import { createRequests } from '../requests.ts'
import { createSocket } from '../socket.ts'
import { cut, cutSockets, expired } from '../socket/cut.ts'
import { createHandler } from '../socket/event.ts'
import { notifyRequest } from '../socket/follow.ts'
import type { LocalCredentials } from './ports.ts'
import { type Gateway, startGateway } from './websocket.ts'

/** With a copy of the locks that is at most 2 s old, an idle socket of whoever was locked is closed within 5 s. */
const sweepEveryMs = 2000

export interface LocalSockets extends Pick<Gateway, 'url' | 'upgrade'> {
  /** Once there are ports that know its `url`. Gives what tells the followers of a request of its end. */
  serve(ports: Ports, gate: Gate): (id: `arq_${string}`) => Promise<void>
  close(): Promise<void>
}

/** The local gateway with the gate's function behind it. */
export async function startSockets(credentials: LocalCredentials): Promise<LocalSockets> {
  let closing: Promise<void> | null = null
  let ports: Ports | null = null
  let timer: NodeJS.Timeout | null = null
  let sweeping: Promise<unknown> = Promise.resolve()
  const gateway = await startGateway({
    credentials, now: Date.now,
    endOf: async (id) => (await ports?.sockets?.get(id))?.expiresAt ?? null,
    end: async (id) => { if (ports?.sockets) await cut(ports, ports.sockets, id, null, expired) },
  })
  return {
    url: gateway.url, upgrade: gateway.upgrade,
    serve(its, gate) {
      const { sockets, alarm } = its
      if (sockets === null) throw new TypeError('sockets without a store')
      ports = its
      const requests = createRequests(its, gate, createOwn(its, gate))
      gateway.serve(createHandler(createSocket({ ...its, sockets }, gate, requests)))
      timer = setInterval(() => {
        if (gateway.count() > 0) sweeping = cutSockets(its, gate).catch((error: unknown) => alarm('the sweep of sockets failed', { error: String(error) }))
      }, sweepEveryMs)
      timer.unref()
      return (id) => notifyRequest(its, gate, requests, { id })
    },
    close: () => (closing ??= close()),
  }
  async function close(): Promise<void> {
    if (timer) clearInterval(timer)
    await sweeping
    await gateway.close()
  }
}
