import { createHash } from 'node:crypto'
import type { ConnectionDocument } from '../../../schema/policy.ts'
import { ok, type Refusal, refuse, type Result } from '../../../schema/refusal.ts'
import type { Query } from '../../../schema/request.ts'
import type { Secrets } from '../../ports.ts'
import type { Plan, Protocol } from '../protocol.ts'
import { createAnswer } from './answer.ts'
import { classify, type Classified } from './classify.ts'
import { accountOf, createCredentials } from './credential.ts'
import { changeOf } from './change.ts'
import { createDiscovery } from './discovery.ts'
import { createExec } from './exec.ts'
import { createExecute, type Understood } from './execute.ts'
import { grants } from './grants.ts'
import { inspect, ping } from './inspect.ts'
import { createMasker } from './mask.ts'
import { createPreview } from './preview.ts'
import type { Dry, KubernetesPlan } from './plan.ts'
import { lastsMs } from './piece.ts'
import { createReach } from './reach.ts'
import { readRequest } from './request.ts'
import { createTransport } from './transport.ts'

export interface KubernetesOptions {
  readonly secrets: Secrets
  readonly now: () => number
  readonly alarm: (what: string, detail: Readonly<Record<string, unknown>>) => void
  /** From functions/decide/permit.ts; passed in because engines know no stage. */
  readonly isPermit: (value: unknown) => boolean
}

/** The Kubernetes engine: read → classify → (preview) → execute → mask. The secret of a connection is a kubeconfig (kubeconfig.ts); calls go by the caller's role's service account. */
export function createKubernetes({ secrets, now, alarm, isPermit }: KubernetesOptions): Protocol {
  const transport = createTransport({ now })
  const credentials = createCredentials({ send: transport.send, now })
  const reach = createReach({ secrets, now, send: transport.send, credentials })
  const discovery = createDiscovery({ reach, now })
  const preview = createPreview({ reach, discovery, now })
  const known = new WeakMap<object, Understood>()
  const understood = (plan: Plan): Understood => {
    const inner = known.get(plan.plan)
    if (inner === undefined) throw new Error('invariant: this plan is not of this engine')
    return inner
  }

  /** What was seen of the pod of each command that runs, by its very query: whoever asks meanwhile whether it may go on asks about what it was permitted on, and the cluster nothing. */
  const running = new WeakMap<Query, Dry>()

  /** The service account takes part in what is approved: another one is another deed. */
  function planOf({ effects, plan, fails, told }: Classified, about: Omit<Understood, 'plan'>): Plan {
    known.set(plan, { ...about, plan, ...(fails ? { fails } : {}) })
    return { plan, effects: { ...effects, fingerprint: sha256(JSON.stringify([effects.fingerprint, about.account])) }, ...(fails ? { fails } : {}), ...(told ? { told } : {}), ...(plan.form === 'exec' ? { lasting: true as const } : {}), ...(plan.form === 'watch' ? { lastsMs: lastsMs(plan.target) } : {}), ...(about.dry ? { seed: about.dry } : {}) }
  }

  async function previewed(connection: ConnectionDocument, query: Query, account: string, first: Plan): Promise<Result<Plan>> {
    const { dry, fails, silent, refused } = await preview.run(understood(first))
    if (refused) return refuse(refused)
    const again = classify(connection, query, dry)
    if (!again.ok) return again
    const plan = planOf(again.value, { connection, query, account, dry })
    return ok({ ...plan, diff: changeOf(again.value, dry, connection.detect ?? [], silent), ...(plan.fails ?? fails ? { fails: plan.fails ?? fails } : {}) } as Plan)
  }

  const execute = createExecute({ secrets, now, isPermit, understood, reach, discovery, preview, exec: createExec({ credentials, now }) })
  return {
    read: readRequest,
    async classify(connection, query, roles = [], seed) {
      const dry = (seed ?? running.get(query)) as Dry | undefined                              // made by `previewed` below, here or where another process of this engine runs
      const found = classify(connection, query, dry)
      if (!found.ok) return found
      if (connection.transport === 'private' && endless(found.value.plan)) return refuse(notCarried(found.value.plan))
      const account = accountOf(connection, roles)
      if (account === null) return refuse(noAccount(connection.name))
      const plan = planOf(found.value, { connection, query, account, ...(dry ? { dry } : {}) })
      return ok(found.value.plan.preview && !dry ? { ...plan, preview: () => previewed(connection, query, account, plan) } : plan)
    },
    async execute(permit, plan, run) {
      const { query, dry } = plan.lasting ? understood(plan) : { query: null, dry: null }
      if (!query || !dry) return execute(permit, plan, run)
      running.set(query, dry)
      return execute(permit, plan, run).finally(() => { running.delete(query) })
    },
    mask: createAnswer({ isPermit, understood, createMasker, alarm }),
    describe: async () => ({ relations: [] }),
    inspect: (connection, names) => inspect(connection, names, { reach, discovery, credentials }),
    ping: (connection) => ping(connection, reach),
    grants: (connection, rules) => grants(connection, rules, { reach, discovery, send: transport.send, now }),
    close: async () => { transport.close() },
  }
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
const noAccount = (name: string): Refusal => ({
  slug: 'denied', reason: 'no_service_account', next: 'none', detail: `no role of yours has a service account on \`${name}\`; the connection's \`serviceAccounts\` gives one to each role that may reach the cluster`,
})

/** Of a private cluster nothing is carried that cannot be gone on from where it ended: a log has no versions, and what is there at the beginning of a watch is told apart only within one answer. */
const endless = ({ form, target }: KubernetesPlan): boolean => (form === 'log' && /[?&]follow=true/.test(target)) || (form === 'watch' && /[?&]sendInitialEvents=true/.test(target))
const notCarried = ({ form }: KubernetesPlan): Refusal => ({
  slug: 'statement-unsupported', reason: 'private_stream', next: 'fix',
  detail: form === 'log' ? 'a log of a private cluster cannot be followed; leave `-f` out, and read on with `--since-time` or `--tail`' : '`sendInitialEvents` is not carried to a private cluster; list first, and watch from the list\'s `resourceVersion`',
})
