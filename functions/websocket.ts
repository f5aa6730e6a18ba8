import { createApart } from './aws/apart.ts'
import { createLambdaParts } from './aws/lambda.ts'
import { createPorts } from './aws/ports.ts'
import { isPermit } from './decide/permit.ts'
import { createGate } from './gate.ts'
import { createOwn } from './own.ts'
import { later } from './protocol/later.ts'
import { routed } from './protocol/routed.ts'
import { createRequests } from './requests.ts'
import { createSocket } from './socket.ts'
import { createHandler } from './socket/event.ts'

/**
 * AWS Lambda behind the three routes of a WebSocket API: $connect, $default, $disconnect. `SLUICE_SOCKET_ENDPOINT` is that API's stage,
 * `https://{api}.execute-api.{region}.amazonaws.com/{stage}`, through which answers are pushed; the function may `execute-api:ManageConnections` there.
 */
const parts = createLambdaParts()
const apart = createApart({ ...parts, isPermit })
const postgres = later(async () => (await import('./protocol/postgres/postgres.ts')).createPostgres({ ...parts, now: Date.now, isPermit }))
const kubernetes = later(async () => (await import('./protocol/kubernetes/kubernetes.ts')).createKubernetes({ ...parts, now: Date.now, isPermit }))
const ssh = later(async () => (await import('./protocol/ssh/ssh.ts')).createSsh({ ...parts, now: Date.now, isPermit }))
const mysql = later(async () => (await import('./protocol/mysql/mysql.ts')).createMySql({ ...parts, now: Date.now, isPermit }))
const ports = createPorts({ ...parts, engines: { postgres: routed(postgres, apart), mysql: routed(mysql, apart), kubernetes: routed(kubernetes, createApart({ ...parts, isPermit, here: kubernetes })), ssh: routed(ssh, createApart({ ...parts, isPermit, here: ssh })) } })
const { sockets } = ports
if (sockets === null) throw new Error('SLUICE_SOCKET_ENDPOINT must be the stage of the WebSocket API')
const gate = createGate(ports)

export const handler = createHandler(createSocket({ ...ports, sockets }, gate, createRequests(ports, gate, createOwn(ports, gate))))
