import { fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { approvalDefinition } from '../../infra/approval.ts'
import { startStepFunctions } from '../../functions/local/stepfunctions.ts'
import type { PolicyDocument } from '../../schema/policy.ts'
import { startBucket } from '../../test/aws/bucket.ts'
import { startPlace } from '../../test/support/local.ts'
import { sshd, startSshd } from '../../test/support/sshd.ts'
import { counted, measured } from './capacity.ts'
import type { Done, Errand, World } from './serve.ts'

const arn = 'arn:aws:lambda:local:000000000000:function:approval'
const documents = (host: boolean): readonly PolicyDocument[] => [
  { version: 1, kind: 'connection', name: 'shop', engine: 'postgres', secrets: { write: 'shop-write', read: 'shop-read', plain: 'shop-plain' }, limits: { perHour: { statements: 1_000_000, rows: 10_000_000 }, pending: 100 } },
  { version: 1, kind: 'role', name: 'reader', members: [{ group: 'readers' }], rules: [
    { allow: ['select'], connection: 'shop', on: ['public.orders'] }, { allow: ['update'], connection: 'shop', on: ['public.orders'], approval: { by: ['leads'], quorum: 1, within: '30m' } },
    ...host ? [{ allow: ['exec' as const], connection: 'bastion', on: [['echo', 'up', '*', 'days']] }] : [],
  ] },
  { version: 1, kind: 'notify', name: 'leads', group: 'leads', slack: 'C0LEADS' },
  ...host ? [{ version: 1 as const, kind: 'connection' as const, name: 'bastion', engine: 'ssh' as const, secret: 'bastion-ssh', limits: { timeout: '30s' } }] : [],
]
const schema = `
  CREATE TABLE public.orders (id int PRIMARY KEY, status text NOT NULL, note text); INSERT INTO public.orders SELECT n, 'paid', repeat('left at the door ', 6) FROM generate_series(1, 2000) AS n;
  CREATE ROLE w LOGIN PASSWORD 'x'; CREATE ROLE r LOGIN PASSWORD 'x'; CREATE ROLE p LOGIN PASSWORD 'x'; GRANT SELECT ON public.orders TO w, r, p; GRANT INSERT, UPDATE ON public.orders TO w;`

/** A process of bench/scale/serve.ts, and what asks it. */
export async function start(kind: 'gate' | 'sequencer', world: World) {
  const child = fork(join(import.meta.dirname, '../scale.ts'), ['serve', kind, JSON.stringify(world)], { serialization: 'advanced' })
  const waiting = new Map<number, { readonly resolve: (done: Done) => void; readonly reject: (error: Error) => void }>()
  let [n, ready] = [0, () => {}]
  const up = new Promise<void>((resolve) => { ready = resolve })
  child.on('message', (told: { readonly n: number; readonly done: Done; readonly error?: string }) => {
    if (told.n < 0) return ready()
    if (told.error === undefined) waiting.get(told.n)?.resolve(told.done)
    else waiting.get(told.n)?.reject(new Error(told.error))
    waiting.delete(told.n)
  })
  child.once('exit', (code) => { for (const { reject } of waiting.values()) reject(new Error(`a process ended with ${code}`)) })
  await up
  return { ask: (errand: Errand) => new Promise<Done>((resolve, reject) => { waiting.set(++n, { resolve, reject }); child.send({ n, errand }) }), end: () => child.disconnect() }
}

/** States that a request's machine enters on its way from the first to the end where all goes well, by the definition that is deployed. */
export function path(): { readonly before: number; readonly after: number } {
  const { StartAt, States } = JSON.parse(approvalDefinition(arn)) as { StartAt: string; States: Record<string, { Type: string; Next?: string; Choices?: { Next: string }[] }> }
  const entered: string[] = []
  for (let name: string | undefined = StartAt; name !== undefined; name = States[name]?.Choices?.[0]?.Next ?? States[name]?.Next) entered.push(name)
  return { before: entered.indexOf('Proceed'), after: entered.length - entered.indexOf('Proceed') }
}

/** Everything that is measured against, on this machine, with what counts in between: DynamoDB, the target by HTTP, S3; Step Functions, whose steps are done by the gate's process, and a host where this machine has an sshd. */
export async function open(onEnd: (close: () => unknown) => void) {
  const host = sshd === null ? null : await startSshd()
  if (host) onEnd(host.stop)
  const { place, stop } = await startPlace({ schema, documents: documents(host !== null) })
  onEnd(stop)
  const credentials = place.dynamo.credentials
  const [dynamo, target, bucket] = [await measured({ region: 'local', endpoint: place.dynamo.url, credentials }), await counted(place.neon), await startBucket()]
  for (const one of [dynamo, target, bucket]) onEnd(one.close)
  const directory = mkdtempSync(join(tmpdir(), 'sluice-scale-'))
  onEnd(() => rmSync(directory, { recursive: true, force: true }))
  const machines = await startStepFunctions({ directory: join(directory, 'executions'), credentials, alarm: (what, detail) => { process.stderr.write(`${what} ${JSON.stringify(detail)}\n`) } })
  onEnd(machines.close)
  const machine = { endpoint: machines.url, arn: await machines.define('approval', approvalDefinition(arn)) }
  const secrets = { ...place.secrets, ...(host ? { 'bastion-ssh': host.certified } : {}) }
  const world: World = { place: { ...place, dynamo: { ...place.dynamo, url: dynamo.url }, neon: target.url, secrets }, machine, bucket: bucket.url, directory }
  const gate = await start('gate', world)
  onEnd(gate.end)
  const steps: Record<string, number> = {}
  machines.run(new Map([[arn, async (payload) => {
    const { step } = payload as { readonly step: string }
    const { value } = await gate.ask({ what: 'step', payload })
    steps[step] = (steps[step] ?? 0) + 1
    return value
  }]]))
  return { place, world, dynamo, target, bucket, gate, /** How often each was done. */ steps, host: host !== null }
}
export type Opened = Awaited<ReturnType<typeof open>>
