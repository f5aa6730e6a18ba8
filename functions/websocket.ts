import { createApart } from './aws/apart.ts'
import { createAnsweringParts } from './aws/lambda.ts'
import { createPorts } from './aws/ports.ts'
import { createEngines } from './engines.ts'
import { createGate } from './gate.ts'
import { createOwn } from './own.ts'
import { createRequests } from './requests.ts'
import { createSocket } from './socket.ts'
import { createHandler } from './socket/event.ts'

/**
 * AWS Lambda behind the three routes of a WebSocket API: $connect, $default, $disconnect. `SLUICE_SOCKET_ENDPOINT` is that API's stage,
 * `https://{api}.execute-api.{region}.amazonaws.com/{stage}`, through which answers are pushed; the function may `execute-api:ManageConnections` there.
 */
const parts = createAnsweringParts()
const ports = createPorts({ ...parts, engines: createEngines(parts, (own) => createApart({ ...parts, ...own })) })
const { sockets } = ports
if (sockets === null) throw new Error('SLUICE_SOCKET_ENDPOINT must be the stage of the WebSocket API')
const gate = createGate(ports)

export const handler = createHandler(createSocket({ ...ports, sockets }, gate, createRequests(ports, gate, createOwn(ports, gate))))
