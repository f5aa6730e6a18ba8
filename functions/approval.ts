import { createAnnouncer } from './announce.ts'
import { createApprover } from './approver.ts'
import { createApart } from './aws/apart.ts'
import { createLambdaParts } from './aws/lambda.ts'
import { createPorts } from './aws/ports.ts'
import { createEngines } from './engines.ts'
import { createGate } from './gate.ts'
import { createOwn } from './own.ts'
import { createRequests } from './requests.ts'
import { notifyRequest } from './socket/follow.ts'
import { createSteps, type StepParts } from './steps.ts'

/**
 * AWS Lambda behind every step of the state machine (infra/approval.asl.json). What the machine is, `SLUICE_STATE_MACHINE` says; the function may
 * `states:SendTaskSuccess` on it, and be invoked by nobody but it. Its time is to be longer than a statement's, and at most the machine's 900 s. Where there are
 * WebSockets, `SLUICE_SOCKET_ENDPOINT` as for their own function.
 */
const parts = createLambdaParts()
const ports = createPorts({ ...parts, engines: createEngines(parts, (own) => createApart({ ...parts, ...own })) })
const { approvals, workflow } = ports
if (approvals === null || workflow === null) throw new Error('SLUICE_STATE_MACHINE must be the ARN of the state machine of access requests')
const gate = createGate(ports)
const requests = createRequests(ports, gate, createOwn(ports, gate))
const { announce, tell } = createAnnouncer({ ...ports, approvals }, gate.standing.current)
const approver: StepParts['approver'] = {
  ...createApprover(ports, gate), announce,
  async tell(id) {
    await notifyRequest(ports, gate, requests, { id })
    await tell(id)
  },
}

export const handler = createSteps({ approver, workflow })
