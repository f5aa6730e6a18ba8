import type { Gate } from '../gate.ts'
import { createOwn } from '../own.ts'
import type { Ports } from '../ports.ts'
import { createRequests } from '../requests.ts'
import { createSocket } from '../socket.ts'
import { cut, cutSockets, expired } from '../socket/cut.ts'
import { createHandler } from '../socket/event.ts'
import type { LocalCredentials } from './ports.ts'
import { type Gateway, startGateway } from './websocket.ts'

/** With a copy of the locks that is at most 2 s old, an idle socket of whoever was locked is closed within 5 s. */
const sweepEveryMs = 2000

/** The local gateway with the gate's function behind it. `serve` once the ports there are know its `url`. */
export async function startSockets(credentials: LocalCredentials): Promise<Pick<Gateway, 'url' | 'upgrade'> & { serve(ports: Ports, gate: Gate): void; close(): Promise<void> }> {
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
      gateway.serve(createHandler(createSocket({ ...its, sockets }, gate, createRequests(its, gate, createOwn(its, gate)))))
      timer = setInterval(() => {
        if (gateway.count() > 0) sweeping = cutSockets(its, gate).catch((error: unknown) => alarm('the sweep of sockets failed', { error: String(error) }))
      }, sweepEveryMs)
      timer.unref()
    },
    async close() {
      if (timer) clearInterval(timer)
      await sweeping
      await gateway.close()
    },
  }
}
