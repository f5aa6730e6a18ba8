import type * as z from 'zod'
import { planBody, policyBody } from '../schema/administration.ts'
import { digest } from '../schema/bundle.ts'
import type { Caller } from '../schema/caller.ts'
import type { Bundle, Known } from '../schema/policy.ts'
import { ok, refuse, type Result } from '../schema/refusal.ts'
import { checkDocuments } from './decide/check/documents.ts'
import { connectionsOf, difference } from './decide/difference.ts'
import { canApply } from './decide/own.ts'
import { compile } from './decide/compile.ts'
import { destructionOf, destructionWords, type Destruction } from './destruction.ts'
import { replayRecent } from './foresight.ts'
import { lookAt } from './known.ts'
import { namesOf } from './names.ts'
import { byline, type Asked, type Chore, type Door, type Own, type Story } from './own.ts'
import { Fault, type Pointer, type Ports } from './ports.ts'
import { faultRefusal } from './problem.ts'
import { engineOf } from './protocol/engine.ts'
import type { Finding } from './protocol/protocol.ts'
import { destroysOf } from './record/retain.ts'

type Body = () => Promise<Result<unknown>>
/** A body is read once, whoever asks for it again. */
function remembered(body: Body): Body {
  let read: ReturnType<Body> | null = null
  return () => (read ??= body())
}
export const applyWords = 'apply policy'
/** In the first line that people read of a policy which keeps the record less long: what they permit is to erase as well. */
export const erasesWords = ', which destroys what is on record'
const read: readonly [Asked, ...Asked[]] = [{ action: 'read', resource: 'policy' }]
const apply: readonly [Asked, ...Asked[]] = [{ action: 'apply', resource: 'policy' }]
export const erase: Asked = { action: 'delete', resource: 'audit' }

/** The policy in force: shown, compared, replaced. For those whom the policy itself lets. */
export function createAdministration(ports: Ports, own: Own) {
  const show = (door: Door) => own.permitted(door, read, async () => {
    const { pointer, bundle } = await inForce(ports)
    const { version, appliedAt, appliedBy, commit } = pointer
    return ok({ version, appliedAt, appliedBy, commit, documents: bundle.documents })
  })

  /** What `apply` would change and complain of; whoever may apply may also ask. */
  const plan = (door: Door, body: Body) => own.permitted(door, [...read, ...apply], async (admitted, story) => {
    const proposed = await readBundle(body, planBody)
    if (!proposed.ok) return proposed
    const { bundle, warnings } = proposed.value
    const { pointer, bundle: present } = await inForce(ports)
    const found = await inspect(ports, bundle, present.known)
    if (!found.ok) return found
    const next = stamp(bundle, pointer, present, found.value.known)
    return ok({
      from: pointer.version, to: digest(next), changes: difference(present, bundle), destroys: await destructionOf(ports.keys, present, next, next.destroys), findings: [...warnings, ...found.value.findings],
      keepsApply: canApply(compile(bundle), admitted.caller, ports.now()), replay: await replayRecent(ports, compile(bundle), admitted, story),
    })
  })

  const put = (door: Door, body: Body) => {
    const once = remembered(body)
    let erases = false
    return own.permitted(door, apply, async ({ caller }, story) => replace(caller, once, story, { erase: erases, keys: ports.keys }), () => chore(once), async () => {
      const told = await destruction(once)
      erases = told.length > 0
      return erases ? { asked: erase, why: `this policy ${told.map(destructionWords).join(', and ')}; that wants what erasing wants` } : null
    })
  }

  /** What it would destroy over the policy in force. None where it is refused for something else. */
  async function destruction(body: Body): Promise<readonly Destruction[]> {
    const proposed = await readBundle(body, policyBody)
    if (!proposed.ok) return []
    const { pointer, bundle: present } = await inForce(ports)
    return destructionOf(null, present, proposed.value.bundle, stamp(proposed.value.bundle, pointer, present).destroys)
  }
  /** As it would be stored now: with what is known of its targets, and from when on it destroys. */
  function stamp(bundle: Bundle, { appliedAt }: Pointer, present: Bundle, known?: Known): Bundle {
    const destroys = destroysOf(present, appliedAt, bundle, ports.now())
    return { ...bundle, ...(known === undefined ? {} : { known }), ...(destroys === undefined ? {} : { destroys }) }
  }

  /** What people are asked: whether this bundle may follow that one. What is not sound, or not over the policy in force, is refused before anybody is asked. */
  async function chore(body: Body): Promise<Result<Chore>> {
    const proposed = await readBundle(body, policyBody)
    if (!proposed.ok) return proposed
    const { bundle, given } = proposed.value
    const { pointer, bundle: present } = await inForce(ports)
    if (pointer.version !== given.from) return moved(pointer.version)
    const changes = difference(present, bundle).map(({ effect, words }) => `  ${effect}: ${words}`)
    const destroys = (await destructionOf(ports.keys, present, bundle, stamp(bundle, pointer, present).destroys)).map((one) => `  ${destructionWords(one)}`)
    const commit = given.commit?.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, ' ')                                     // whoever asks must not write lines that the gate seems to say
    return ok({ words: [`${applyWords} ${digest(bundle)} over ${given.from}${destroys.length > 0 ? erasesWords : ''}${commit ? `, commit ${commit}` : ''}`, ...destroys, ...changes.slice(0, 200), ...(changes.length > 200 ? [`  and ${changes.length - 200} more changes`] : [])].join('\n'), body: given })
  }

  /** `erase`: that the caller may was decided beside that the caller may apply. `keys` null: this process may not list them, so what goes is not counted. */
  async function replace(caller: Caller, body: Body, story: Story, { erase: mayErase, keys }: { readonly erase: boolean; readonly keys: Ports['keys'] | null }) {
    const proposed = await readBundle(body, policyBody)
    if (!proposed.ok) return proposed
    const { bundle: authored, warnings, given } = proposed.value
    const { pointer, bundle: present } = await inForce(ports)
    if (pointer.version !== given.from) return moved(pointer.version)
    if (given.lockout !== true && !canApply(compile(authored), caller, ports.now())) return lockout
    const found = await inspect(ports, authored, present.known)
    if (!found.ok) return found
    const { findings, known } = found.value
    const bundle = stamp(authored, pointer, present, known)
    const destroys = await destructionOf(mayErase ? keys : null, present, bundle, bundle.destroys)
    if (destroys.length > 0 && !mayErase) return undecided
    const wrong = findings.filter((finding) => finding.level === 'error')
    if (wrong[0]) return invalid('names', `\`${wrong[0].name}\`: ${wrong[0].message}${more(wrong.length)}`)
    const change = { from: given.from, to: digest(bundle), commit: given.commit ?? null, changes: difference(present, bundle).map(({ effect, words }) => ({ effect, words })).slice(0, 200), connections: connectionsOf(present, bundle), ...(destroys.length > 0 ? { destroys } : {}) }
    const intended = await story.change('policy', { ...change, phase: 'intended' })          // dies after: an intention, and no policy of that digest unless the pointer says so
    if (!intended.ok) return intended
    const done = await attempt(() => ports.policies.apply(bundle, { from: given.from, by: byline(caller), at: new Date(ports.now()).toISOString(), commit: given.commit ?? null }))
    const phase = done === null ? 'unknown' : done ? 'applied' : 'moved'
    const recorded = await story.change('policy', { ...change, phase })                      // dies before: the intention and the pointer tell the same story
    if (done === null || !recorded.ok) return unknown
    return done ? ok({ version: change.to, from: given.from, commit: change.commit, findings: [...warnings, ...findings] }) : moved(null)
  }
  return { show, plan, put, replace }

  /** null: the store did not say. It may have moved the pointer. */
  async function attempt(write: () => Promise<boolean>): Promise<boolean | null> {
    try {
      return await write()
    } catch (error) {
      faultRefusal(error, ports.alarm)
      return null
    }
  }
}

/** The pointer and its bundle, read now: what is compared with must not be two seconds old. */
async function inForce(ports: Ports): Promise<{ readonly pointer: Pointer; readonly bundle: Bundle }> {
  const pointer = await ports.policies.pointer()
  if (pointer === null) throw new Fault('policy-corrupt', 'the pointer is gone while a policy is in force')
  return { pointer, bundle: await ports.policies.load(pointer.version, pointer.chunks) }
}

async function readBundle<Shape extends typeof planBody | typeof policyBody>(body: Body, shape: Shape) {
  const value = await body()
  if (!value.ok) return value
  const parsed = shape.safeParse(value.value)
  if (!parsed.success) return invalid('member', describe(parsed.error.issues[0]))
  const given = parsed.data as z.infer<Shape>
  const paths = given.documents.map(({ path }) => path)
  const twice = paths.find((path, i) => paths.indexOf(path) !== i)
  if (twice !== undefined) return invalid('duplicate_path', `two documents have the path \`${twice}\``)
  const { bundle, findings } = checkDocuments(given.documents)
  const errors = findings.filter((finding) => finding.level === 'error')
  const [first] = errors
  if (bundle === null || first) return invalid('policy', first ? `\`${first.path}\` at \`${first.at.join('.') || 'the top'}\`: ${first.message}${more(errors.length)}` : 'the policy is not sound')
  return ok({ bundle, given, warnings: findings.map(({ level, path, at, message }) => ({ level, path, at, message })) })
}

/** Looks for every name on its live target, and at what columns the tables with a class have. A target that does not answer is said by name: without it the policy cannot be proven to protect. */
async function inspect(ports: Ports, bundle: Bundle, before: Bundle['known']): Promise<Result<{ readonly findings: readonly (Finding & { readonly connection: string })[]; readonly known: Known }>> {
  const refused = ports.policies.refuses?.(bundle) ?? null
  if (refused !== null) return invalid('policy_refused', refused)
  const known: Record<string, Known[string]> = {}
  const findings: (Finding & { readonly connection: string })[] = []
  for (const connection of compile(bundle).connections.values()) {
    try {
      const found = await engineOf(ports, connection).inspect(connection, namesOf(bundle, connection))
      const looked = await lookAt(ports, connection, before?.[connection.name])
      known[connection.name] = looked.known
      findings.push(...[...found, ...looked.findings].map((finding) => ({ ...finding, connection: connection.name })))
    } catch (error) {
      const refusal = faultRefusal(error, ports.alarm)
      if (refusal.slug !== 'target-unavailable') throw error
      return refuse({ ...refusal, detail: `the names this policy uses of connection \`${connection.name}\` cannot be checked: ${refusal.detail}; nothing was applied, and locks work meanwhile` })
    }
  }
  return ok({ findings, known })
}

const more = (count: number): string => count > 1 ? `; and ${count - 1} more: \`sluice policy check\` lists them all` : ''
function describe(issue: z.core.$ZodIssue | undefined): string {
  if (!issue) return 'the body is not what this call takes'
  if (issue.code === 'unrecognized_keys') return `member \`${(issue.keys[0] ?? '').slice(0, 64)}\` is not known here`
  return `\`${issue.path.join('.') || 'the body'}\`: ${issue.message.charAt(0).toLowerCase()}${issue.message.slice(1)}`
}
const invalid = (reason: string, detail: string) => refuse({ slug: 'invalid-request', reason, detail, next: 'fix' })
const moved = (version: string | null) => refuse({
  slug: 'policy-moved', reason: 'policy_moved', next: 'fix',
  detail: `the policy in force is ${version === null ? 'another by now' : `\`${version}\``}, not the one this was based on; look at it, and apply again with its version in \`from\``,
})
/** The words that people read did not say it, or the policy moved meanwhile. */
const undecided = refuse({ slug: 'denied', reason: 'erasure_undecided', next: 'retry', detail: 'this policy keeps the record less long, and whether that may be was not decided; nothing was applied, send it again' })
const lockout = invalid('lockout', 'under this policy you could not apply another one; keep a rule that lets you (`allow: [apply]`, `connection: sluice`, `on: [policy]`), or say `lockout: true`')
const unknown = refuse({
  slug: 'outcome-unknown', reason: 'change_unknown', next: 'retry',
  detail: 'the store did not confirm the change; read it (GET /v1/policy, GET /v1/locks) before you try again',
})
