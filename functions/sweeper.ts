import { endOf } from './allowance.ts'
import { createAnnouncer } from './announce.ts'
import { createApprover } from './approver.ts'
import { createApart } from './aws/apart.ts'
import { createLambdaParts } from './aws/lambda.ts'
import { createPorts } from './aws/ports.ts'
import { createEngines } from './engines.ts'
import { createGate } from './gate.ts'
import { createOwn } from './own.ts'
import { createRequests } from './requests.ts'
import { createRetention } from './retain.ts'
import { cutSockets } from './socket/cut.ts'
import { notifyRequest } from './socket/follow.ts'
import { unstick } from './stuck.ts'
import { sweep } from './sweep.ts'

/**
 * AWS Lambda, woken each minute: settles what a process did not live to settle, brings on requests that were left lying, ends sockets that no longer stand. Two of it at once meet in the
 * stores' conditions. What is approved may have to be executed here, so it has what executing wants.
 */
const parts = createLambdaParts()
const ports = createPorts({ ...parts, engines: createEngines(parts, (own) => createApart({ ...parts, ...own })) })
const { approvals } = ports
const gate = createGate(ports)
const requests = createRequests(ports, gate, createOwn(ports, gate))

const { regions } = ports.self
/** Whether others read replicas of the policy that is written here. */
const home = regions !== undefined && [...regions.urls.keys()][0] === regions.here
const retention = createRetention(ports)
const retainEveryMs = 3_600_000
let retained = 0

/** What a policy keeps no longer is destroyed, now and then: keys of content, whole sheets, and bundles of the log's entries whose lock is over. No other function may delete anything of the log. */
async function retain(): Promise<void> {
  if (Date.now() - retained < retainEveryMs) return
  await retention.run()
  retained = Date.now()
}

const approver = approvals && createApprover(ports, gate)

export async function handler(_?: unknown, context?: unknown): Promise<void> {
  const { until } = endOf({ context }, Date.now())
  const done = await Promise.allSettled([
    retain(),
    home ? ports.beat() : 0,
    sweep(ports), cutSockets(ports, gate),
    approvals === null || approver === null ? 0 : unstick(ports, {
      proceed: (id) => approver.proceed(id, until), announce: createAnnouncer({ ...ports, approvals }, gate.standing.current).announce,
      tell: (id) => notifyRequest(ports, gate, requests, { id }),
    }),
  ])
  // One that fails keeps none of the others from its work; the schedule tries again, and the function's errors are alarmed of.
  const failed = done.flatMap((one) => one.status === 'rejected' ? [one.reason] : [])
  if (failed.length > 0) throw failed[0]
}
