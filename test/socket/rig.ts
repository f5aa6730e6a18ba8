import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { WebSocket } from 'ws'
import { createPush } from '../../functions/aws/push.ts'
import { signedDynamo } from '../../functions/aws/signed.ts'
import { createSockets } from '../../functions/aws/sockets.ts'
import { createTables } from '../../functions/aws/tables.ts'
import { startDynamo } from '../../functions/local/dynamodb.ts'
import { newCredentials } from '../../functions/local/ports.ts'
import { startGateway } from '../../functions/local/websocket.ts'
import { createGate } from '../../functions/gate.ts'
import { createOwn } from '../../functions/own.ts'
import type { Sockets } from '../../functions/ports.ts'
import { createRequests } from '../../functions/requests.ts'
import { createSocket } from '../../functions/socket.ts'
import { cut, cutSockets, expired } from '../../functions/socket/cut.ts'
import { createHandler } from '../../functions/socket/event.ts'
import { notifyRequest } from '../../functions/socket/follow.ts'
import { createApproving } from '../support/approvals.ts'
import type { createHosted } from '../support/host.ts'
import type { TokenOptions } from '../support/ports.ts'

export type Frame = Readonly<Record<string, unknown>>
export interface Client {
  readonly web: WebSocket
  /** Every frame so far. */
  readonly seen: Frame[]
  /** Resolves with the close code. */
  readonly closed: Promise<number>
  say(frame: unknown): void
  /** The first frame there is, or will be, for which this holds. */
  hear(wanted: (frame: Frame) => boolean): Promise<Frame>
  /** Sends, and gives what answers it. */
  call(frame: Frame & { readonly id: string }): Promise<{ readonly id: string; readonly status: number; readonly body: Record<string, unknown> }>
}
export type Rig = Awaited<ReturnType<typeof createRig>>
export const closers: (() => Promise<unknown> | void)[] = []

/**
 * A gate whose engine and clock the test holds, served on sockets by the real local gateway, with connections in the real local DynamoDB. Two instances of the
 * function take the frames in turn, so nothing works that is remembered in one of them.
 */
export async function createRig(options: { readonly idleMs?: number; readonly longestMs?: number; readonly demo?: Parameters<typeof createApproving>[0]; readonly hosted?: ReturnType<typeof createHosted> } = {}) {
  const approving = options.hosted ?? createApproving(options.demo)
  const { world } = approving
  const credentials = newCredentials()
  const dynamo = await startDynamo({ directory: null, credentials })
  const hot = signedDynamo({ region: 'local', endpoint: dynamo.url, credentials, now: Date.now })
  await createTables(hot)
  const state: { sockets: Sockets | null } = { sockets: null }
  const gateway = await startGateway({
    credentials, now: Date.now, ...options,
    endOf: async (id) => { const found = await state.sockets?.get(id); return found ? Date.now() + found.expiresAt - world.clock.ms : null },
    end: async (id) => { if (state.sockets) await cut(world.ports, state.sockets, id, null, expired) },
  })
  const reach = createPush({ region: 'local', endpoint: gateway.url, credentials, now: Date.now })
  const sockets = createSockets({ hot, now: world.ports.now, reach })
  state.sockets = sockets
  const ports = { ...approving.ports, sockets }
  const instances = [0, 1].map(() => {
    const gate = createGate(ports)
    const requests = createRequests(ports, gate, createOwn(ports, gate))
    return { gate, requests, handle: createHandler(createSocket(ports, gate, requests)) }
  })
  const [one, two] = instances
  if (!one || !two) throw new Error('two')
  const events: unknown[] = []
  let turn = 0
  const invoke = (event: unknown) => (turn++ % 2 === 0 ? one : two).handle(event)
  const running = new Set<Promise<unknown>>()
  gateway.serve((event) => {
    events.push(event)
    const run = invoke(event)
    running.add(run)
    return run.finally(() => running.delete(run))
  })
  const server = createServer((_, response) => response.writeHead(404).end())
  server.on('upgrade', gateway.upgrade)
  await new Promise<void>((done) => { server.listen(0, '127.0.0.1', done) })
  const port = (server.address() as AddressInfo).port
  closers.push(async () => { await gateway.close(); server.close(); server.closeAllConnections(); reach.end(); hot.close(); await dynamo.close() })

  /** Opens a socket; throws `status N` where the handshake is refused. */
  async function open(token: string | null, more: { readonly headers?: Record<string, string>; readonly protocols?: readonly string[]; readonly path?: string; readonly eager?: unknown } = {}): Promise<Client> {
    const web = new WebSocket(`ws://127.0.0.1:${port}${more.path ?? '/v1/socket'}`, [...more.protocols ?? []], { headers: { ...(token === null ? {} : { authorization: `Bearer ${token}` }), ...more.headers } })
    const seen: Frame[] = []
    const waiting = new Set<() => void>()
    const closed = new Promise<number>((done) => { web.on('close', (code) => { done(code); for (const wake of waiting) wake() }) })
    web.on('message', (data: Buffer) => {
      seen.push(JSON.parse(data.toString('utf8')) as Frame)
      for (const wake of waiting) wake()
    })
    await new Promise<void>((done, fail) => {
      web.on('open', done).on('error', fail).on('unexpected-response', (_request, response) => { fail(new Error(`status ${response.statusCode}`)); response.resume() })
    })
    closers.push(() => web.terminate())
    const say = (frame: unknown) => web.send(typeof frame === 'string' ? frame : JSON.stringify(frame))
    const hear = async (wanted: (frame: Frame) => boolean): Promise<Frame> => {
      for (;;) {
        const found = seen.find(wanted)
        if (found) return found
        if (web.readyState === WebSocket.CLOSED) throw new Error(`closed before it came; seen ${JSON.stringify(seen).slice(0, 500)}`)
        await new Promise<void>((wake) => { const once = () => { waiting.delete(once); wake() }; waiting.add(once) })
      }
    }
    const call: Client['call'] = async (frame) => {
      say(frame)
      return await hear(({ id }) => id === frame.id) as Awaited<ReturnType<Client['call']>>
    }
    return { web, seen, closed, say, hear, call }
  }
  /** Waits until so many connections are stored. */
  async function stored(count: number): Promise<readonly string[]> {
    for (;;) {
      const ids: string[] = []
      for (let after: string | null = null; ;) {
        const page = await sockets.all(after)
        ids.push(...page.sockets.map(({ id }) => id))
        if (page.next === null) break
        after = page.next
      }
      if (ids.length === count) return ids
      await new Promise((done) => { setTimeout(done, 10) })
    }
  }
  const as = async (who: TokenOptions) => open(await world.token(who))
  return {
    ...approving, as_: approving.as, ports, sockets, gateway, credentials, hot, port, events, invoke, open, as, stored,
    /** Resolves when no invocation is running. */
    quiet: async () => { while (running.size > 0) await Promise.allSettled(running) },
    sweep: () => cutSockets(ports, one.gate),
    tell: (id: `arq_${string}`) => notifyRequest(ports, two.gate, two.requests, { id }),
  }
}

export const read = { sql: 'select id from public.orders order by id' }
/** The frame that asks for it, or for what else is given. */
export const query = (id: string, body: unknown = read, more: object = {}) => ({ id, action: 'query', connection: 'shop', body, ...more })

/** Makes the engine's answer this many bytes larger. */
export function inflate(rig: Rig, bytes: number): void {
  const { engine } = rig.world
  const mask = engine.mask.bind(engine)
  Object.assign(engine, { mask: (...args: Parameters<typeof mask>) => { const masked = mask(...args); return Object.assign(masked, { results: masked.results.map((result) => ({ ...result, rows: [{ filler: 'x'.repeat(bytes) }] })) }) } })
}

/** Holds every execution until the gate opens. `begun` resolves when the first is at it. */
export function holdExecution(rig: Rig): { readonly begun: Promise<void>; release(): void } {
  const { engine } = rig.world
  const execute = engine.execute.bind(engine)
  let release = () => {}
  let begin = () => {}
  const held = new Promise<void>((done) => { release = done })
  const begun = new Promise<void>((done) => { begin = done })
  Object.assign(engine, { execute: async (...args: Parameters<typeof execute>) => { begin(); await held; return execute(...args) } })
  return { begun, release }
}
