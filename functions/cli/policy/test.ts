import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { decide, giversOf, type Asked } from '../../decide/decide.ts'
import { explainDecision } from '../../decide/explain.ts'
import type { Policy } from '../../decide/policy.ts'
import type { Decision } from '../../permit.ts'
import type { Protocol } from '../../protocol/protocol.ts'
import { loginOf } from '../../../schema/login.ts'
import { noLogin } from '../../protocol/ssh/logins.ts'
import type { Effects } from '../../../schema/effects.ts'
import { ok, refuse, type Result } from '../../../schema/refusal.ts'
import { callerOf, effectsOf, misplaced, testFile, type TestCase } from './case.ts'
import { readYaml, type Source } from './yaml.ts'

/** `skipped`: a case with `sql` and nothing at hand to classify it. Never counted as passed. */
export interface Outcome { readonly file: string; readonly line: number; readonly name: string; readonly status: 'passed' | 'failed' | 'skipped'; readonly because: readonly string[] }

/** `policy test`: runs the `*.test.yaml` files of a directory against its policy. A file that cannot be read is a failure of its own. */
export async function testPolicy(policy: Policy, directory: string, files: readonly string[], classify: Protocol['classify'] | null): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = []
  for (const path of files) {
    const source = readYaml(join(directory, path), await readFile(join(directory, path), 'utf8'))
    outcomes.push(...await testSource(policy, source, classify))
  }
  return outcomes
}

export async function testSource(policy: Policy, source: Source, classify: Protocol['classify'] | null): Promise<readonly Outcome[]> {
  const unread = (line: number, message: string): Outcome => ({ file: source.file, line, name: 'reads the file', status: 'failed', because: [message] })
  if (source.problems.length > 0) return source.problems.map((problem) => unread(problem.line, problem.message))
  const parsed = testFile.safeParse(source.value)
  if (!parsed.success) return parsed.error.issues.map((issue) => unread(source.locate(issue.path.map((part) => (typeof part === 'number' ? part : String(part)))).line, `\`${issue.path.join('.')}\`: ${issue.message}`))
  const outcomes: Outcome[] = []
  for (const [i, one] of parsed.data.cases.entries()) {
    const because = await run(policy, one, one.connection ?? parsed.data.connection, classify)
    const status = because === null ? 'skipped' : because.length > 0 ? 'failed' : 'passed'
    outcomes.push({ file: source.file, line: source.locate(['cases', i]).line, name: one.name, status, because: because ?? ['`sql` wants a running target to be classified against'] })
  }
  return outcomes
}

/** What is not as expected, in lines; null: cannot be run here. */
async function run(policy: Policy, one: TestCase, connection: string, classify: Protocol['classify'] | null): Promise<readonly string[] | null> {
  const document = policy.connections.get(connection) ?? null
  if (!document && connection !== 'sluice') return [`the policy has no connection \`${connection}\``]
  const wrongly = misplaced(one, document)
  if (wrongly !== null) return [wrongly]
  const caller = callerOf(one)
  const context = { purpose: one.purpose ?? null, session: null, time: one.at === undefined ? Date.now() : Date.parse(one.at) }
  const known = effectsOf(one, document)
  // As the engine has it before any rule: as nobody nothing runs.
  const nobody = document?.engine === 'ssh' && known.accesses.some(({ resource }) => loginOf(document, giversOf(policy, { caller, connection, context }, resource)) === undefined)
  let effects: Result<Effects> = nobody ? refuse(noLogin(connection)) : ok(known)
  if (one.sql !== undefined) {
    if (!classify || !document) return null
    const plan = await classify(document, {
      statements: [{ sql: one.sql, params: one.params ?? [] }], batch: false, isolation: 'read committed', purpose: one.purpose ?? null, reveal: one.reveal ?? [], rowMode: 'object', maxRows: null,
    })
    effects = plan.ok ? ok(plan.value.effects) : plan
  }
  if (!effects.ok) {
    const { reason, detail } = effects.refusal
    return one.expect === 'deny' && (one.reason ?? reason) === reason && one.rule === undefined ? [] : [`expected ${one.expect}, but the statement is refused before any rule: ${detail} (${reason})`]
  }
  const asked: Asked = {
    caller, connection, effects: effects.value, reveal: one.reveal ?? [], context,
  }
  const decision = decide(policy, asked)
  const wrong = compare(one, decision, effects.value)
  return wrong.length === 0 ? [] : [...wrong, ...why(policy, asked)]
}

function compare(one: TestCase, decision: Decision, effects: Effects): readonly string[] {
  const refusal = decision.kind === 'permit' ? null : decision.refusal
  const wrong: string[] = []
  if (decision.kind !== one.expect) wrong.push(`expected ${one.expect}, got ${decision.kind}${refusal ? `: ${refusal.detail}` : ''}`)
  if (one.reason !== undefined && refusal?.reason !== one.reason) wrong.push(`expected the reason ${one.reason}, got ${refusal?.reason ?? 'none'}`)
  if (one.rule !== undefined && !decision.rules.includes(one.rule)) wrong.push(`expected ${one.rule} to take part; ${decision.rules.length === 0 ? 'no rule did' : `it was ${decision.rules.join(', ')}`}`)
  const approvers = decision.kind === 'ask' ? [...new Set(decision.demands.flatMap((demand) => demand.by))].sort() : []
  if (one.approvers && approvers.join() !== [...one.approvers].sort().join()) wrong.push(`expected the approvers ${one.approvers.join(', ')}, got ${approvers.join(', ') || 'none'}`)
  const obligations = decision.kind === 'permit' ? decision.permit.obligations : decision.kind === 'ask' ? decision.obligations : null
  for (const [column, mask] of Object.entries(one.masks ?? {})) {
    const got = effects.shown.flatMap((item, i) => (`${item.resource}.${item.column}` === column && obligations ? [obligations.masks[i] ?? 'clear'] : []))
    if (got.length === 0) wrong.push(`expected \`${column}\` to come out (${mask}); it does not, or it is not classified`)
    else if (got.some((given) => given !== mask)) wrong.push(`expected \`${column}\` to come out ${mask}, got ${got.join(', ')}`)
  }
  return wrong
}

/** How each access came out, for whoever has to mend the policy or the test. */
const why = (policy: Policy, asked: Asked): readonly string[] => explainDecision(policy, asked).flatMap((explained) => [
  ...explained.accesses.map((access) => `  ${explained.principal}: ${access.action} on ${access.resource}: ${access.outcome}${access.rules.length > 0 ? ` by ${access.rules.join(', ')}` : ''}`),
  ...explained.classified.map((item) => `  ${explained.principal}: ${item.column} (${item.dataClass}) ${item.use}: ${item.outcome}`),
])

/** For a person: a line a case that is not as it should be, what is wrong below it, and the sum. */
export function outcomeLines(outcomes: readonly Outcome[]): readonly string[] {
  const count = (status: Outcome['status']) => outcomes.filter((outcome) => outcome.status === status).length
  const lines = outcomes.filter((outcome) => outcome.status !== 'passed').flatMap((outcome) => [`${outcome.file}:${outcome.line}: ${outcome.status}: ${outcome.name}`, ...outcome.because.map((line) => `  ${line}`)])
  return [...lines, `${count('passed')} passed, ${count('failed')} failed, ${count('skipped')} skipped`]
}
