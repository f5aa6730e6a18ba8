import { handle } from 'hono/aws-lambda'
import { behindEdge } from './aws/edge.ts'
import { createAnsweringParts } from './aws/lambda.ts'
import { createPorts } from './aws/ports.ts'
import { createConsole } from './console.ts'
import { createGate } from './gate.ts'
import { createLogon } from './logon.ts'
import { createOwn } from './own.ts'
import { createReplay } from './replay.ts'
import { createRequests } from './requests.ts'

/** AWS Lambda behind the approvers' origin, `SLUICE_CONSOLE_URL`: pages and decisions. It has no driver and no credential of a target: what is approved here is executed elsewhere. */
const ports = createPorts({ ...createAnsweringParts(), engines: {} })
const gate = createGate(ports)
const own = createOwn(ports, gate)

export const handler = handle(behindEdge(createConsole(ports, { ...createRequests(ports, gate, own), replay: createReplay(ports, own).steps, logon: createLogon(ports, gate) }, gate.standing)))
