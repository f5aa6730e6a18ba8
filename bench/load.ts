import { fork, type ChildProcess } from 'node:child_process'
import { Agent, request } from 'node:http'
import { join } from 'node:path'

export interface Server { readonly kind: string; readonly port: number; readonly child: ChildProcess }

export async function startServer(kind: string, place: string): Promise<Server> {
  const child = fork(join(import.meta.dirname, 'server.ts'), [kind, place])
  const { port } = await message<{ port: number }>(child)
  return { kind, port, child }
}
export const message = <T>(child: ChildProcess): Promise<T> => new Promise((resolve, reject) => {
  const ended = (code: number | null) => reject(new Error(`a server ended with ${code}`))
  child.once('exit', ended)
  child.once('message', (value) => { child.off('exit', ended); resolve(value as T) })
})

async function cpuOf(server: Server): Promise<number> {
  const answer = message<{ cpu: number }>(server.child)
  server.child.send('cpu')
  return (await answer).cpu
}

export interface Shot { readonly headers: Readonly<Record<string, string>>; readonly body: (n: number) => string; readonly status: number }
let sent = 0

/** CPU the server used for each of `count` requests at 16 connections, µs. Any other status than the expected one is an error. */
export async function cpuPerRequest(server: Server, shot: Shot, count: number, connections = 16): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const before = await cpuOf(server)
  let left = count
  await Promise.all(Array.from({ length: connections }, async () => { while (left-- > 0) await fire(agent, server.port, shot) }))
  const after = await cpuOf(server)
  agent.destroy()
  return (after - before) / count
}

function fire(agent: Agent, port: number, shot: Shot): Promise<void> {
  const body = shot.body(++sent)
  return new Promise((resolve, reject) => {
    const call = request({ agent, port, host: '127.0.0.1', method: 'POST', path: '/v1/connections/shop/query', headers: { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body), ...shot.headers } }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => { text += chunk })
      response.on('end', () => (response.statusCode === shot.status ? resolve() : reject(new Error(`status ${response.statusCode}: ${text.slice(0, 400)}`))))
    })
    call.on('error', reject)
    call.end(body)
  })
}
