import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer, type WebSocket } from 'ws'
import type { World } from './call.ts'
import { Failure } from './failure.ts'
import { findKind } from './kinds.ts'
import { containerOf } from './log.ts'
import { at, fields, list, text, type Item } from './object.ts'
import { readTarget } from './path.ts'
import { mayDo } from './rbac.ts'
import { identify } from './serve.ts'

/**
 * `exec` over WebSocket, as `v4.channel.k8s.io` and `v5.channel.k8s.io` have it: channel 1 stdout, 2 stderr, 3 the end as a Status. Nothing is run: a handful of
 * commands answer as a small container would. Without a terminal and without stdin.
 */
const server = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: 65_536, handleProtocols: (offered) => ['v5.channel.k8s.io', 'v4.channel.k8s.io'].find((one) => offered.has(one)) ?? false })

export function createExec(world: World) {
  return (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    socket.on('error', () => socket.destroy())
    try {
      const run = judge(world, request)
      server.handleUpgrade(request, socket, head, (web) => say(web, run))
    } catch (error) {
      const { code, status } = error instanceof Failure ? error : new Failure(500, 'InternalError', String(error))
      const body = JSON.stringify(status)
      socket.end(`HTTP/1.1 ${code} Refused\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`)
    }
  }
}
interface Run { readonly out: string; readonly err: string; readonly code: number }

function judge(world: World, request: IncomingMessage): Run {
  const reading = readTarget(request.method ?? '', request.url ?? '')
  const user = identify(world, request)
  if (reading === null || user === null) throw new Failure(401, 'Unauthorized', 'Unauthorized')
  const { group, version, resource, subresource, namespace, name, verb } = reading
  if (!mayDo(world.store, user, { verb, group, resource, subresource, namespace, name })) throw new Failure(403, 'Forbidden', `pods "${name}" is forbidden: User "${user.name}" cannot ${verb} resource "pods/${subresource}" in API group "" in the namespace "${namespace}"`)
  if (subresource !== 'exec') throw new Failure(400, 'BadRequest', `the demo's pods have nothing to \`${subresource}\` to`)
  const kind = findKind(group, version, resource)
  const pod = kind?.kind === 'Pod' ? world.store.get(kind, namespace, name) : null
  if (pod === null) throw new Failure(404, 'NotFound', `pods "${name}" not found`)
  const container = containerOf(pod, reading.query.get('container')?.[0] ?? '')
  return run(pod, container, reading.query.get('command') ?? [])
}

function run(pod: Item, container: string, [program = '', ...rest]: readonly string[]): Run {
  const done = (out: string): Run => ({ out, err: '', code: 0 })
  const one = list(at(pod, 'spec', 'containers')).map(fields).find(({ name }) => name === container)
  switch (program.replace(/^\/(usr\/)?bin\//, '')) {
    case 'echo': return done(`${rest.join(' ')}\n`)
    case 'hostname': return done(`${pod.metadata.name}\n`)
    case 'env': case 'printenv': return done(list(one?.['env']).map((pair) => `${text(at(pair, 'name'))}=${text(at(pair, 'value'))}\n`).join(''))
    case 'true': case 'sleep': return done('')
    case 'false': return { out: '', err: '', code: 1 }
    case 'cat': return rest[0] === '/etc/hostname' ? done(`${pod.metadata.name}\n`) : { out: '', err: `cat: ${rest[0] ?? ''}: No such file or directory\n`, code: 1 }
    case 'ls': return done('bin\netc\nproc\nvar\n')
    default: return { out: '', err: '', code: 127 }
  }
}

function say(web: WebSocket, { out, err, code }: Run): void {
  const channel = (number: number, content: string) => web.send(Buffer.concat([Buffer.from([number]), Buffer.from(content)]))
  if (out) channel(1, out)
  if (err) channel(2, err)
  const failed = { metadata: {}, status: 'Failure', message: `command terminated with non-zero exit code: exit status ${code}`, reason: 'NonZeroExitCode', details: { causes: [{ reason: 'ExitCode', message: String(code) }] } }
  channel(3, JSON.stringify(code === 0 ? { metadata: {}, status: 'Success' } : failed))
  web.close(1000)
}
