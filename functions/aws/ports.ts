import { numbered } from '../numbering.ts'
import type { LogStore, Ports, Post, Requests } from '../ports.ts'
import { sealing } from '../record/content.ts'
import { type Place, placeOf } from './dynamo.ts'
import { createIdempotency } from './idempotency.ts'
import { createKeys } from './keys.ts'
import { createLedger } from './ledger.ts'
import { createLogStore } from './logstore.ts'
import { createMeter } from './meter.ts'
import { createPolicies } from './policies.ts'
import { createPush } from './push.ts'
import { createRequests } from './requests.ts'
import { sdkDynamo } from './sdk.ts'
import { sdkSfn, sfnEndpointOf } from './sfn.ts'
import { signedDynamo } from './signed.ts'
import { createSockets } from './sockets.ts'
import { createTables } from './tables.ts'
import { createIds } from './ulid.ts'
import { vetted } from './vet.ts'
import { createWorkflow } from './workflow.ts'

/** What of Ports lives in DynamoDB, with the clock and the ids that its keys are made from. */
export type Stores = Pick<Ports, 'now' | 'id' | 'policies' | 'ledger' | 'keys' | 'idempotency' | 'meter'> & { readonly requests: Requests; readonly logStore: LogStore }

/** Where Step Functions answers, and the state machine of access requests. */
export interface Machine { readonly endpoint: string; readonly arn: string }

/**
 * The stores, on whatever endpoint `place` names: AWS, or our own server on this machine. The hot path is signed by hand, the rest is the SDK's.
 * `createTables` is for where infra/ did not. `gateway`: the Management API of the WebSockets, where there are any. Throws nothing; the first call does,
 * as Fault store-unavailable. Ledger and requests take events as they are stored: an assembly puts `sealing` before them, and before it whatever must see what lies there.
 */
export function createStores(place: Place, now: () => number = Date.now, gateway: string | null = null, machine: Machine | null = null): Stores & Pick<Ports, 'sockets'> & { readonly workflow: ReturnType<typeof createWorkflow> | null } & { createTables(): Promise<void>; close(): void } {
  const hot = signedDynamo({ ...place, now })
  const cold = sdkDynamo(place)
  const parts = { hot, cold, now }
  const reach = gateway === null ? null : createPush({ ...place, endpoint: gateway, now })
  const sfn = machine === null ? null : sdkSfn({ ...place, endpoint: machine.endpoint })
  return {
    now, id: createIds(now), workflow: sfn && machine && createWorkflow({ sfn, dynamo: hot, stateMachineArn: machine.arn, now }), policies: createPolicies(parts), ledger: createLedger(parts), keys: createKeys(parts), idempotency: createIdempotency(parts), meter: createMeter(parts),
    requests: createRequests(parts), logStore: createLogStore(hot), sockets: reach && createSockets({ hot, now, reach }), createTables: () => createTables(hot),
    close: () => { hot.close(); cold.close(); reach?.end(); sfn?.close() },
  }
}

/**
 * Ports as Lambda has them: the stores from the environment, and what the entry file still brings itself. `SLUICE_STATE_MACHINE` is the ARN of the state machine of access
 * requests (infra/approval.asl.json); without it nobody can be asked, and what needs people is refused.
 */
export function createPorts({ post, ...rest }: Omit<Ports, keyof Stores | 'sockets' | 'approvals' | 'log' | 'search'> & { readonly post: Post }, env: Readonly<Record<string, string | undefined>> = process.env): Ports & Pick<ReturnType<typeof createStores>, 'workflow'> {
  const place = placeOf(env)
  const arn = env['SLUICE_STATE_MACHINE'] || null
  const raw = createStores(place, Date.now, env['SLUICE_SOCKET_ENDPOINT'] || null, arn === null ? null : { arn, endpoint: sfnEndpointOf(place.region, env) })
  // Nothing is promised here while no log is kept here.
  const { workflow, requests, promise: _none, ...stores } = sealing(numbered(raw, { ...raw, alarm: rest.alarm }), raw.keys, raw.now)
  return { ...stores, policies: vetted(stores.policies), ...rest, approvals: workflow && { requests, workflow, post }, log: null, search: null, workflow }
}
