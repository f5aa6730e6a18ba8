import { createAnnouncer } from '../../functions/announce.ts'
import { createApp } from '../../functions/app.ts'
import { createApprover } from '../../functions/approver.ts'
import type { Item } from '../../functions/aws/dynamo.ts'
import { createObjects } from '../../functions/aws/objects.ts'
import { createStores } from '../../functions/aws/ports.ts'
import { imagesOf } from '../../functions/aws/stream.ts'
import { createGate } from '../../functions/gate.ts'
import { createHints } from '../../functions/hint.ts'
import { keepSigner } from '../../functions/local/signer.ts'
import { numbered } from '../../functions/numbering.ts'
import { isPermit } from '../../functions/decide/permit.ts'
import { createSsh } from '../../functions/protocol/ssh/ssh.ts'
import { publishing } from '../../functions/publish.ts'
import { createSequencer } from '../../functions/sequence.ts'
import { createSteps } from '../../functions/steps.ts'
import { unstick } from '../../functions/stuck.ts'
import { sweep } from '../../functions/sweep.ts'
import { openPorts, type Place } from '../../test/support/local.ts'

/** Where everything is that the functions need; plain JSON, for processes of their own. */
export interface World { readonly place: Place; readonly machine: { readonly endpoint: string; readonly arn: string }; readonly bucket: string; readonly directory: string; /** How far the clock of a sequencer is ahead, ms: what it looks through is so much older. */ readonly aheadMs?: number; /** How long its key takes to sign. */ readonly signMs?: number }
/** Calls of the app, one after the other. `keep`: in the session of the call before; left out: whoever calls is somebody else. */
export interface Call { readonly method?: string; readonly path: string; readonly token: string; readonly body?: unknown; readonly keep?: boolean }
export type Errand =
  | { readonly what: 'calls'; readonly calls: readonly Call[] } | { readonly what: 'step'; readonly payload: unknown } | { readonly what: 'sweep' }
  | { readonly what: 'round'; readonly images: readonly Item[] } | { readonly what: 'look' }
/** `cpuMs` and `ms` of all of it; `totalMs`: CPU of the process since it began. */
export interface Done { readonly cpuMs: number; readonly totalMs: number; readonly ms: number; readonly statuses?: readonly number[]; readonly last?: string; readonly value?: unknown; readonly added?: number; readonly signed?: number }

type Run = (errand: Errand) => Promise<Omit<Done, 'cpuMs' | 'totalMs' | 'ms'>>
const alarm = (what: string, detail: Readonly<Record<string, unknown>>): void => { process.stderr.write(`${what} ${JSON.stringify(detail)}\n`) }
const otherwise = (errand: Errand): never => { throw new Error(`not for this process: ${errand.what}`) }

/** The functions that answer, execute and sweep, in one process: the app without HTTP's socket, every step of the state machine, the sweeper. */
function gate({ place, machine }: World): Run {
  const base = openPorts(place, alarm)
  const { workflow } = createStores({ region: 'local', endpoint: place.dynamo.url, credentials: place.dynamo.credentials }, Date.now, null, machine)
  if (workflow === null || base.approvals === null) throw new Error('no state machine')
  const approvals = { ...base.approvals, workflow, post: { slack: async () => ({ channel: 'C0LEADS', message: '1' }), mail: null } }
  const ports = { ...base, approvals, engines: { ...base.engines, ssh: createSsh({ secrets: base.secrets, now: Date.now, isPermit, alarm }) } }
  const inner = createGate(ports)
  const app = createApp(ports, inner)
  const approver = { ...createApprover(ports, inner), ...createAnnouncer(ports, inner.standing.current) }
  const step = createSteps({ approver, workflow })
  let session: string | null = null
  async function call({ method = 'POST', path, token, body, keep }: Call): Promise<{ readonly status: number; readonly text: string }> {
    const response = await app.request(`http://127.0.0.1:8787${path}`, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }), headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...(keep && session ? { 'sluice-session': session } : {}) } })
    if (keep !== undefined) session = response.headers.get('sluice-session') ?? session
    return { status: response.status, text: await response.text() }
  }
  return async (errand) => {
    switch (errand.what) {
      case 'calls': {
        const statuses: number[] = []
        let last = ''
        for (const one of errand.calls) {
          const { status, text } = await call(one)
          statuses.push(status)
          last = text
        }
        return { statuses, last }
      }
      case 'step': return { value: await step(errand.payload) }
      case 'sweep': { await sweep(ports); await unstick(ports, approver); return {} }
      case 'round': case 'look': return otherwise(errand)
    }
  }
}

/** The function that writes the log: woken by what the stream brings, and each minute to look through the record. */
async function sequencer({ place, bucket, directory, aheadMs = 0, signMs = 0 }: World): Promise<Run> {
  const there = { region: 'local', endpoint: place.dynamo.url, credentials: place.dynamo.credentials }
  const raw = createStores(there)
  const { ledger } = numbered(raw, { ...raw, alarm })
  const key = await keepSigner(directory, 'bench.example/audit')
  let signed = 0
  const signer = { ...key, sign: async (message: Uint8Array) => { signed++; if (signMs > 0) await new Promise((resolve) => { setTimeout(resolve, signMs) }); return key.sign(message) } }
  const objects = createObjects({ ...there, endpoint: bucket, now: Date.now, mode: 'COMPLIANCE', until: async () => Date.now() + 86_400_000 })
  const hints = createHints()
  const sequencer = createSequencer({ now: () => Date.now() + aheadMs, alarm, ledger, log: { signer, objects, store: publishing(objects, raw.logStore) } }, hints)
  return async (errand) => {
    const before = signed
    switch (errand.what) {
      case 'round': {
        for (const event of imagesOf({ Records: errand.images.map((NewImage) => ({ eventSource: 'aws:dynamodb', dynamodb: { NewImage } })) }) ?? []) hints.hint(event)
        return { added: await sequencer.round(), signed: signed - before }
      }
      case 'look': return { added: await sequencer.reconcile(), signed: signed - before }
      case 'calls': case 'step': case 'sweep': return otherwise(errand)
    }
  }
}

/** A process that runs what it is told, and says what CPU it took. */
export async function serve(kind: 'gate' | 'sequencer', world: World): Promise<void> {
  const run = kind === 'gate' ? gate(world) : await sequencer(world)
  process.on('message', ({ n, errand }: { readonly n: number; readonly errand: Errand }) => {
    const [cpu, start] = [process.cpuUsage(), performance.now()]
    void run(errand).then((done) => {
      const { user, system } = process.cpuUsage(cpu)
      const total = process.cpuUsage()
      process.send?.({ n, done: { ...done, cpuMs: (user + system) / 1000, totalMs: (total.user + total.system) / 1000, ms: performance.now() - start } })
    }, (error: unknown) => process.send?.({ n, error: error instanceof Error ? `${error.name}: ${error.message}` : String(error) }))
  })
  process.on('disconnect', () => process.exit(0))
  process.send?.({ n: -1, done: null })
}
