import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { credit } from './credit.ts'
import { errand } from './errand.ts'
import { restart } from './restart.ts'

/** What the demo does, step by step, over the same HTTP API that agents use. Each step fails loudly when the gate did not do what the step says. */
export interface Step { readonly title: string; readonly run: (gate: Gate) => Promise<readonly string[]> }
export interface Gate {
  call(method: string, path: string, token: string | null, body?: unknown): Promise<{ readonly status: number; readonly body: Answer }>
  token(subject: string, groups: readonly string[]): Promise<string>
  /** kubectl as the demo's agent; left out where there is none, or no kubeconfig of this gate. */
  readonly kubectl?: (args: readonly string[]) => Promise<{ readonly code: number | null; readonly out: string; readonly err: string }>
  /** The `sluice` command in this process, with that token: what it said on standard error, and its exit code. */
  sluice(token: string, args: readonly string[]): Promise<{ readonly code: number; readonly err: string }>
}
interface Request { readonly id: string; readonly status: string; readonly digest: string; readonly approvers: readonly string[]; readonly quorum: number; readonly statements?: readonly { readonly sql: string }[]; readonly ending?: { readonly outcome: string | null } | null }
interface Answer {
  readonly request?: Request
  readonly rowCount?: number
  readonly rows?: readonly Readonly<Record<string, unknown>>[]
  readonly reason?: string
  readonly detail?: string
  readonly decision?: string
  readonly evaluation?: string
  readonly stdout?: string
  readonly exitCode?: number | null
  readonly events?: readonly { readonly kind: string; readonly evaluation: string; readonly request?: string; readonly status?: string; readonly statements?: readonly { readonly sql: string }[] }[]
}

const shop = '/v1/connections/shop/query'
const masked = 'select id, name, email, ssn from customers order by id limit 3'
const agent = (gate: Gate) => gate.token('agent:support-bot', ['support-agents'])

/** Of this run, so that the demo told again asks again. */
const refund = { sql: 'insert into refunds (order_id, amount, reason) values ($1, $2, $3)', params: [1, '5.00', `late parcel, demo of ${new Date().toISOString()}`], purpose: 'refund a late parcel' }
let waiting: Request | null = null

const told: readonly Step[] = [
  {
    title: 'an agent reads customers; what holds personal data comes masked',
    async run(gate) {
      const { status, body } = await gate.call('POST', shop, await agent(gate), { sql: masked })
      expect(status === 200 && body.rows?.length === 3, `three rows, got ${status}`)
      for (const { email, ssn } of body.rows ?? []) expect(/^.\*\*\*@/.test(String(email)) && /^\W*\d{4}$/.test(String(ssn)), 'both columns masked')
      return [masked, ...(body.rows ?? []).map((row) => JSON.stringify(row))]
    },
  },
  refused('it asks for salaries, which its role may not see', 'select name, amount from payroll.salaries', 'denied_by_rule'),
  refused('it tries to learn an address by filtering on it', 'select id from customers where email like \'a%\'', 'classified_use'),
  refused('it hides a second statement behind the first', 'select 1; drop table orders', 'several_statements', 'statement-unparsable'),
  {
    title: 'it wants to write a refund: that waits for a person',
    async run(gate) {
      const { status, body } = await gate.call('POST', shop, await agent(gate), refund)
      waiting = body.request ?? null
      expect(status === 202 && waiting !== null, `a request that waits, got ${status} ${body.reason ?? ''}`)
      return [refund.sql, `${waiting?.id} waits for ${waiting?.quorum} of ${waiting?.approvers.join(', ')}`]
    },
  },
  {
    title: 'it tries to approve that itself; only a person of the leads may',
    async run(gate) {
      const word = { decision: 'approve', digest: waiting?.digest }
      const own = await gate.call('POST', `/v1/requests/${waiting?.id}/decision`, await agent(gate), word)
      const lead = await gate.token('user:sofia@acme.dev', ['support-leads'])
      const read = await gate.call('GET', `/v1/requests/${waiting?.id}`, lead)
      const [statement] = read.body.request?.statements ?? []
      expect(own.status === 403 && statement?.sql === refund.sql && read.body.request?.digest === waiting?.digest, `its own word refused and the whole statement shown, got ${own.status} and ${read.status}`)
      const said = await gate.call('POST', `/v1/requests/${waiting?.id}/decision`, lead, word)
      expect(said.status === 200, `the lead's word taken, got ${said.status} ${said.body.reason ?? ''}`)
      return [own.body.detail ?? '', 'user:sofia@acme.dev reads it whole and approves']
    },
  },
  {
    title: 'approval itself runs it, once; the same call now has its answer',
    async run(gate) {
      const token = await agent(gate)
      for (let i = 0; i < 100; i++) {
        const { body } = await gate.call('GET', `/v1/requests/${waiting?.id}`, token)
        if (body.request?.status === 'succeeded') break
        await new Promise((resolve) => { setTimeout(resolve, 100) })
      }
      const again = await gate.call('POST', shop, token, refund)
      const found = await gate.call('POST', shop, token, { sql: 'select count(*) as n from refunds where reason = $1', params: [refund.params[2]] })
      expect(again.status === 200 && again.body.rowCount === 1 && String(found.body.rows?.[0]?.['n']) === '1', `one refund, got ${again.status} and ${JSON.stringify(found.body.rows)}`)
      return [`${waiting?.id} succeeded; one row, however often it is called`]
    },
  },
  {
    title: 'the platform engineer locks the agent out, and lets it in again',
    async run(gate) {
      const platform = await gate.token('user:piotr@acme.dev', ['platform'])
      const locked = await gate.call('PUT', '/v1/locks/subject:agent:support-bot', platform, { reason: 'the demo' })
      expect(locked.status === 200, `the lock set, got ${locked.status}`)
      await new Promise((resolve) => { setTimeout(resolve, 2100) })               // the copy of policy and locks is at most 2 s old
      const stopped = await gate.call('POST', shop, await agent(gate), { sql: masked })
      const lifted = await gate.call('DELETE', '/v1/locks/subject:agent:support-bot', platform)
      expect(stopped.status === 403 && lifted.status === 200, `the agent stopped and the lock lifted, got ${stopped.status} and ${lifted.status}`)
      return [stopped.body.detail ?? '']
    },
  },
  {
    title: 'the auditor reads what happened: an intent before each execution, an outcome after, every refusal',
    async run(gate) {
      const auditor = await gate.token('user:audrey@acme.dev', ['auditors'])
      const { status, body } = await gate.call('GET', '/v1/audit/events?limit=100', auditor)
      const events = body.events ?? []
      const intent = events.find((event) => event.kind === 'intent' && event.statements?.[0]?.sql === masked)
      const outcome = events.find((event) => event.kind === 'outcome' && event.evaluation === intent?.evaluation)
      const approved = events.find((event) => event.kind === 'approval' && event.request === waiting?.id)
      const refusals = events.filter((event) => event.kind === 'refusal')
      expect(status === 200 && intent !== undefined && outcome?.status === 'succeeded' && refusals.length >= 4 && approved !== undefined, 'the whole story on record')
      return [`intent and outcome of ${intent?.evaluation}, ${refusals.length} refusals, who approved what`]
    },
  },
]

const verified: Step = {
  title: 'the auditor takes the log away and verifies it, with no gate: tree, signatures, every outcome after its intent, every approved execution after its approval',
  async run(gate) {
    const auditor = await gate.token('user:audrey@acme.dev', ['auditors'])
    const directory = await mkdtemp(join(tmpdir(), 'sluice-demo-'))
    try {
      const execution = await gate.call('GET', `/v1/requests/${waiting?.id}`, await agent(gate))
      const receipt = () => gate.sluice(auditor, ['audit', 'receipt', execution.body.request?.ending?.outcome ?? ''])
      for (let i = 0; i < 60 && (await receipt()).code !== 0; i++) await new Promise((resolve) => { setTimeout(resolve, 500) })   // events are in the log a few seconds after they happened
      const exported = await gate.sluice(auditor, ['audit', 'export', '--log', directory])
      const whole = await gate.sluice('', ['audit', 'verify', directory])
      expect(exported.code === 0 && whole.code === 0 && /\b1 access request|access requests/.test(whole.err), `a log that verifies, got ${exported.code}: ${exported.err} ${whole.code}: ${whole.err}`)
      const tile = join(directory, 'checkpoint')
      await writeFile(tile, (await readFile(tile, 'utf8')).replace(/\n(\d+)\n/, (_, size: string) => `\n${Number(size) - 1}\n`))
      const forged = await gate.sluice('', ['audit', 'verify', directory])
      expect(forged.code === 1, `a shortened log found out, got ${forged.code}`)
      return [...whole.err.trim().split('\n').slice(0, 2), 'one entry less in the checkpoint, and it does not verify']
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  },
}

/** Before the lock: what happens in the cluster and on the host belongs to the same record. */
const clusterFrom = told.findIndex(({ title }) => title.startsWith('the platform engineer locks'))

function refused(title: string, sql: string, reason: string, slug = 'denied'): Step {
  return {
    title,
    async run(gate) {
      const { status, body } = await gate.call('POST', shop, await agent(gate), { sql })
      expect(body.reason === reason, `a refusal (${slug}: ${reason}), got ${status} ${body.reason ?? ''}`)
      return [sql, body.detail ?? '']
    },
  }
}

function expect(holds: boolean, what: string): void {
  if (!holds) throw new Error(`expected ${what}`)
}

export const steps: readonly Step[] = [...told.slice(0, clusterFrom), ...credit, ...errand, ...restart, ...told.slice(clusterFrom), verified]
