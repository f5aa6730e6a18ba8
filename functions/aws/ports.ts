import { numbered } from '../numbering.ts'
import { Fault, type Log, type LogRows, type Ports, type Post, type Requests } from '../ports.ts'
import { publishing } from '../publish.ts'
import { sealing } from '../record/content.ts'
import { createTerm } from '../term.ts'
import { type Place, placeOf } from './dynamo.ts'
import { beat } from './beat.ts'
import { mustBeHome, policyHomeOf, regionsOf } from './home.ts'
import { createIdempotency } from './idempotency.ts'
import { createKeys } from './keys.ts'
import { createLedger } from './ledger.ts'
import { createLogStore } from './logstore.ts'
import { createMeter } from './meter.ts'
import { createObjects } from './objects.ts'
import { createPolicies } from './policies.ts'
import { prefixed } from './prefix.ts'
import { createPush } from './push.ts'
import { createRequests } from './requests.ts'
import { sdkDynamo } from './sdk.ts'
import { sdkSfn, sfnEndpointOf } from './sfn.ts'
import { signedDynamo } from './signed.ts'
import { createSigner } from './signer.ts'
import { createSockets } from './sockets.ts'
import { createTables } from './tables.ts'
import { createIds } from './ulid.ts'
import { vetted } from './vet.ts'
import { createWorkflow } from './workflow.ts'

/** What of Ports lives in DynamoDB, with the clock and the ids that its keys are made from. */
export type Stores = Pick<Ports, 'now' | 'id' | 'policies' | 'ledger' | 'keys' | 'idempotency' | 'meter'> & { readonly requests: Requests; readonly logStore: LogRows }

/** Where Step Functions answers, and the state machine of access requests. */
export interface Machine { readonly endpoint: string; readonly arn: string }

/**
 * The stores, on whatever endpoint `place` names: AWS, or our own server on this machine. Signed by hand, but for what changes the policy, which is the SDK's.
 * `createTables` is for where infra/ did not. `gateway`: the Management API of the WebSockets, where there are any. Throws nothing; the first call does,
 * as Fault store-unavailable. `regions`: where there are several, ids say that they were made here, and `home` is where the policy that is read here is written, null where that is here. Ledger and requests take events as they are stored: an assembly puts `sealing` before them, and before it whatever must see what lies there.
 */
export function createStores(place: Place, now: () => number = Date.now, gateway: string | null = null, machine: Machine | null = null, regions: { readonly here: string; readonly home: Place | null } | null = null): Stores & Pick<Ports, 'sockets'> & { readonly workflow: ReturnType<typeof createWorkflow> | null } & { createTables(): Promise<void>; beat(): Promise<void>; close(): void } {
  const home = regions?.home ?? null
  const hot = prefixed(signedDynamo({ ...place, now }), place.tables ?? null, home?.tables)
  const cold = prefixed(sdkDynamo(home ?? place), (home ?? place).tables ?? null)
  // Lists take longer than one item, and belong to a cold start all the same: the sweeper's and the sequencer's first act is one.
  const patient = prefixed(signedDynamo({ ...place, now, attemptMs: 5000, totalMs: 15_000 }), place.tables ?? null)
  const parts = { hot, cold: patient, now }
  const reach = gateway === null ? null : createPush({ ...place, endpoint: gateway, now })
  const sfn = machine === null ? null : sdkSfn({ ...place, endpoint: machine.endpoint })
  return {
    now, id: createIds(now, regions?.here), workflow: sfn && machine && createWorkflow({ sfn, dynamo: hot, stateMachineArn: machine.arn, now }), policies: createPolicies({ hot, cold, now, replica: home !== null }), ledger: createLedger(parts), keys: createKeys(parts), idempotency: createIdempotency(parts), meter: createMeter(parts),
    requests: createRequests(parts), logStore: createLogStore(hot), sockets: reach && createSockets({ hot, now, reach }), createTables: () => createTables(hot), beat: () => beat(hot, now()),
    close: () => { hot.close(); patient.close(); cold.close(); reach?.end(); sfn?.close() },
  }
}

type Env = Readonly<Record<string, string | undefined>>

/**
 * The stores as Lambda has them, from the environment, every event numbered; `sealed` is the ledger as it lies there, for whoever puts it into the log. `SLUICE_TABLES`: what a stage's
 * tables begin with. `SLUICE_LOG_NAME`, `SLUICE_LOG_KEY` (the ARN of a key in KMS; of several, the oldest first, with commas between: functions/succession.ts) and `SLUICE_LOG_BUCKET` (the bucket's own address) say where the log is; without them there is none here, and no
 * receipts. `SLUICE_LOG_LOCK` (`COMPLIANCE` or `GOVERNANCE`) and `SLUICE_LOG_DAYS` say how its objects are locked, and how far ahead at most. Throws where they say it by halves, and in any region but `SLUICE_HOME_REGION` (home.ts).
 */
export function createRecord(alarm: Ports['alarm'], env: Env = process.env) {
  const place = placeOf(env)
  mustBeHome(place.region, env)
  const regions = regionsOf(env)
  const arn = env['SLUICE_STATE_MACHINE'] || null
  const raw = createStores(place, Date.now, env['SLUICE_SOCKET_ENDPOINT'] || null, arn === null ? null : { arn, endpoint: sfnEndpointOf(place.region, env) }, regions ? { here: regions.here, home: policyHomeOf(place, env) } : null)
  const counted = numbered(raw, { ...raw, alarm })
  const { promise, ...stores } = sealing(counted, raw.keys, raw.now)
  const log = logOf(place, raw, alarm, env)
  return { ...stores, sealed: counted.ledger, log: log && log.log, locking: log && log.locking, ...(log === null ? {} : { promise }) }                // nothing is promised where no log is kept
}

/** `locking`: what whoever lengthens locks needs to know. */
function logOf(place: Place, { logStore, policies }: Pick<Stores, 'logStore' | 'policies'>, alarm: Ports['alarm'], env: Env) {
  const [name, keyId, bucket, mode] = ['SLUICE_LOG_NAME', 'SLUICE_LOG_KEY', 'SLUICE_LOG_BUCKET', 'SLUICE_LOG_LOCK'].map((key) => env[key] || null)
  if (!name && !keyId && !bucket) return null
  if (!name || !keyId || !bucket) throw new Fault('internal', 'SLUICE_LOG_NAME, SLUICE_LOG_KEY and SLUICE_LOG_BUCKET belong together')
  if (mode !== 'COMPLIANCE' && mode !== 'GOVERNANCE') throw new Fault('internal', 'SLUICE_LOG_LOCK must be COMPLIANCE or GOVERNANCE')
  const days = Number(env['SLUICE_LOG_DAYS'] ?? '3653')
  if (!Number.isSafeInteger(days) || days < 1 || days > 36_500) throw new Fault('internal', 'SLUICE_LOG_DAYS must be a number of days')
  const kms = env['AWS_ENDPOINT_URL_KMS'] ?? `https://kms.${place.region}.amazonaws.com`
  const [signer, ...further] = keyId.split(',').map((arn) => createSigner({ ...place, endpoint: kms, now: Date.now, name, keyId: arn.trim() }))
  if (signer === undefined) throw new Fault('internal', 'SLUICE_LOG_KEY names no key')
  const mostMs = days * 86_400_000
  const { term, until } = createTerm({ now: Date.now, alarm, policies }, logStore, mostMs)
  const objects = createObjects({ ...place, endpoint: bucket, now: Date.now, mode, until })
  const log: Log = { signer, further, objects, store: publishing(objects, logStore) }
  return { log, locking: { term, mostMs } }
}

/**
 * Ports as Lambda has them: the stores from the environment, and what the entry file still brings itself. `SLUICE_STATE_MACHINE` is the ARN of the state machine of access
 * requests (infra/approval.asl.json); without it nobody can be asked, and what needs people is refused. `search`: the index of the record, for the one function that looks things up.
 */
export function createPorts({ post, search = null, ...rest }: Omit<Ports, keyof Stores | 'sockets' | 'approvals' | 'log' | 'search' | 'promise'> & { readonly post: Post; readonly search?: Ports['search'] }, env: Env = process.env): Ports & Pick<ReturnType<typeof createStores>, 'workflow' | 'beat'> {
  const { workflow, requests, sealed: _alone, locking: _sequencers, ...stores } = createRecord(rest.alarm, env)
  return { ...stores, policies: vetted(stores.policies), ...rest, approvals: workflow && { requests, workflow, post }, search, workflow }
}
