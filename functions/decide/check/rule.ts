import { kubernetesWrites, type ConnectionDocument, type LimitsDocument, type RuleDocument } from '../../../schema/policy.ts'
import { cel } from '../cel.ts'
import { durationMs, withDefaults } from '../limits.ts'
import { glob, parsePattern, type Form } from '../pattern.ts'
import { formOf } from '../policy.ts'
import { connectionsOf } from '../rule.ts'
import { checkCommand } from './command.ts'
import { suggest, type Report } from './finding.ts'

const own = { audit: ['read', 'delete'], policy: ['read', 'apply'], locks: ['read', 'set'] } as const
/** Those that no target has. */
const ownActions: readonly string[] = ['read', 'apply', 'set']

/** What the shape cannot say about one rule: which keys belong together, and whether what it names exists. */
export function checkRule(rule: RuleDocument, n: number, connections: ReadonlyMap<string, ConnectionDocument>, report: Report): void {
  const here: Report = (level, at, message, more) => report(level, ['rules', n, ...at], message, more)
  checkVerbs(rule, here)
  checkConnections(rule, connections, here)
  checkForms(rule, formsOf(rule, connections), here)
  checkNames(rule, formsOf(rule, connections), here)
  checkWhen(rule, here)
  checkReveal(rule, connections, here)
  checkLimits(rule, connections, here)
}

function checkVerbs(rule: RuleDocument, report: Report): void {
  const verbs = (['allow', 'deny', 'ask'] as const).filter((verb) => rule[verb])
  const taking = rule.deny ? 'deny' : rule.ask ? 'ask' : null
  if (verbs.length > 1) report('error', [verbs[1] ?? ''], `a rule says one of \`allow\`, \`deny\` and \`ask\`, and this one says ${verbs.join(' and ')}; write two rules`, { key: true })
  if (verbs.length === 0 && !rule.reveal) report('error', [], 'this rule does nothing; it needs `allow`, `deny`, `ask` or `reveal`')
  if (rule.allow && !rule.on) report('error', ['allow'], 'an `allow` needs `on`, the names it covers; of SQL everything is `on: ["*.*"]`', { key: true })
  if (rule.ask && !rule.approval) report('error', ['ask'], 'an `ask` needs `approval`, or nobody could ever say yes; to forbid it, write `deny`', { key: true })
  if (rule.deny && rule.approval) report('error', ['approval'], 'a `deny` takes no `approval`: nobody can lift it; to let people decide, write `ask`', { key: true })
  if (taking && rule.reveal) report('error', ['reveal'], `\`reveal\` stands beside \`allow\` or alone, not beside \`${taking}\``, { key: true })
  if (taking && rule.limits) report('error', ['limits'], `\`limits\` belong to what allows; a \`${taking}\` has none`, { key: true })
  if (rule.through && !rule.allow) report('error', ['through'], '`through` belongs to an `allow` that names a view', { key: true })
  if (rule.through && rule.allow && !rule.allow.some((action) => action === 'select' || action === '*')) report('error', ['through'], '`through` covers what a view reads, so the rule must allow `select`', { key: true })
  const others = [...(rule.allow ?? []), ...(rule.deny ?? []), ...(rule.ask ?? [])].filter((action) => action !== 'select')
  if (rule.columns && others.length > 0) report('error', ['columns'], `\`columns\` covers reads only, and this rule also names \`${others[0]}\`; give \`select\` a rule of its own`, { key: true })
  for (const [i, by] of (rule.approval?.by ?? []).entries()) {
    if (by.startsWith('agent:')) report('error', ['approval', 'by', i], `\`${by}\` is an agent, and agents never decide a request`)
  }
}

function checkConnections(rule: RuleDocument, connections: ReadonlyMap<string, ConnectionDocument>, report: Report): void {
  const named = connectionsOf(rule)
  const place = (name: string) => (typeof rule.connection === 'string' ? ['connection'] : ['connection', rule.connection.indexOf(name)])
  for (const name of named) {
    if (name !== '*' && name !== 'sluice' && !connections.has(name)) report('error', place(name), `there is no connection \`${name}\`${suggest(name, [...connections.keys(), 'sluice'])}`)
  }
  const ofOwn = named.includes('sluice')
  if (ofOwn && named.length > 1) report('error', place('sluice'), '`sluice` is the gate itself and has other actions and names; give it a rule of its own')
  for (const verb of ['allow', 'deny', 'ask'] as const) {
    for (const [i, action] of (rule[verb] ?? []).entries()) {
      const fits = ofOwn ? action === '*' || action === 'delete' || ownActions.includes(action) : !ownActions.includes(action)
      if (!fits) report('error', [verb, i], ofOwn ? `\`${action}\` is nothing the gate itself offers; there are \`read\`, \`apply\`, \`set\` and \`delete\`` : `\`${action}\` belongs to the gate itself: \`connection: sluice\``)
    }
  }
}

/** The kinds of names there are on the connections a rule speaks of. */
function formsOf(rule: RuleDocument, connections: ReadonlyMap<string, ConnectionDocument>): readonly Form[] {
  const named = connectionsOf(rule)
  const meant = [...connections.values()].filter((connection) => named.includes('*') || named.includes(connection.name))
  const forms = new Set(meant.map(formOf))
  return forms.size > 0 ? [...forms] : ['sql']
}

const verbs = new Set<string>(['get', 'list', 'watch', ...kubernetesWrites])
const shared = new Set<string>(['create', 'update', 'delete', 'write'])

/** Words of one kind of target in a rule that speaks only of another. */
function checkForms(rule: RuleDocument, forms: readonly Form[], report: Report): void {
  if (connectionsOf(rule).includes('sluice')) {
    for (const key of ['namespaces', 'names', 'permit'] as const) if (rule[key]) report('error', [key], `\`${key}\` is of Kubernetes, and \`sluice\` is the gate itself`, { key: true })
    return
  }
  for (const verb of ['allow', 'deny', 'ask'] as const) {
    for (const [i, action] of (rule[verb] ?? []).entries()) {
      if (action === '*' || ownActions.includes(action)) continue
      const [form, what] = action === 'exec' ? ['ssh', 'of SSH'] as const : shared.has(action) ? [null, 'of SQL or Kubernetes'] as const : verbs.has(action) ? ['kubernetes', 'a verb of Kubernetes'] as const : ['sql', 'an action of SQL'] as const
      if (form === null ? forms.every((one) => one === 'ssh') : !forms.includes(form)) report('error', [verb, i], `\`${action}\` is ${what}, and none of the connections named here is${forms.includes('ssh') ? '; a command is `exec`' : ''}`)
    }
  }
  if (!forms.includes('kubernetes')) for (const key of ['namespaces', 'names', 'permit'] as const) if (rule[key]) report('error', [key], `\`${key}\` is of Kubernetes, and none of the connections named here is`, { key: true })
  if (!forms.includes('sql')) for (const key of ['columns', 'through'] as const) if (rule[key]) report('error', [key], `\`${key}\` is of SQL, and none of the connections named here is`, { key: true })
  if (rule.permit && !rule.allow) report('error', ['permit'], '`permit` belongs to an `allow`: it says what the pod templates it lets in may do', { key: true })
}

function checkNames(rule: RuleDocument, forms: readonly Form[], report: Report): void {
  const ofOwn = connectionsOf(rule).includes('sluice')
  for (const [i, name] of (rule.on ?? []).entries()) {
    const at = ['on', i]
    if (typeof name !== 'string') checkCommand(rule, name, forms, (level, message) => report(level, at, message))
    else if (ofOwn) {
      if (!Object.keys(own).some((resource) => glob(name, resource))) report('error', at, `\`${name}\` is none of the gate's own${suggest(name, Object.keys(own))}`)
      else if (name in own && rule.allow?.some((action) => action !== '*' && !(own[name as keyof typeof own] as readonly string[]).includes(action))) {
        report('warning', at, `of \`${name}\` there is only ${own[name as keyof typeof own].map((action) => `\`${action}\``).join(' and ')}`)
      }
    } else if (forms.every((form) => form === 'ssh')) report('error', at, `a command is a list of its words, such as \`[${name.split(' ').slice(0, 4).join(', ')}]\``)
    else if (!parsePattern(name, forms)) report('error', at, !forms.includes('sql') ? `\`${name}\` is no resource of Kubernetes, such as \`pods\`, \`pods/log\` or \`apps/deployments\`` : name.split('.').length > 2 ? `\`${name}\` has too many parts; columns go into \`columns\`, or into \`classify\` of the connection` : `\`${name}\` needs its schema, such as \`public.${name}\`${forms.includes('ssh') ? `; a command is a list of its words: \`[${name.split(' ').slice(0, 4).join(', ')}]\`` : ''}`)
    else if (!rule.allow && !rule.reveal && forms.some((form) => !parsePattern(name, [form]))) report('error', at, `\`${name}\` is a name on some of these connections only, and elsewhere would take everything away; name the connections it is meant for`)
    else if (name.startsWith('*.') && rule.deny) report('warning', at, `\`${name}\` does not reach the engine's own schemas; a \`deny\` without \`on\` does`)
    else if (name === '*.*' && rule.allow) report('warning', at, '`*.*` covers every table there is and every one there will be; name the schemas')
  }
}

function checkWhen(rule: RuleDocument, report: Report): void {
  if (rule.when === undefined) return
  const { problem, reads } = cel.inspect(rule.when)
  if (problem) return report('error', ['when'], `the condition is not sound: ${problem.message}`, { offset: problem.at })
  const asserted = ['context.purpose', 'context.session', 'context'].filter((name) => reads.has(name))
  const proven = [...reads].some((name) => /^(subject|actor|claims)\b/.test(name))
  if (!rule.deny && !rule.ask && asserted.length > 0 && !proven) {
    report('warning', ['when'], `this rests on \`${asserted[0]}\` alone, which the caller asserts: it narrows and is recorded, and proves nothing`)
  }
}

function checkReveal(rule: RuleDocument, connections: ReadonlyMap<string, ConnectionDocument>, report: Report): void {
  const named = connectionsOf(rule)
  const meant = [...connections.values()].filter((connection) => named.includes('*') || named.includes(connection.name))
  const classes = [...new Set(meant.flatMap(classesOf))].sort()
  if (rule.reveal && meant.length > 0 && meant.every(({ engine }) => engine === 'ssh')) return report('error', ['reveal'], '`reveal` shows classified columns, and what a command prints has none; `detect` of the connection goes over it', { key: true })
  for (const [i, name] of (rule.reveal ?? []).entries()) {
    if (!classes.some((known) => glob(name, known))) report('warning', ['reveal', i], `no column there is of class \`${name}\`${suggest(name, classes)}`)
  }
}

/** Every class a connection's `classify` gives to some column; `none` is not one. What a cluster's Secrets hold is of a class that nobody has to write down. */
export const classesOf = ({ engine, classify }: ConnectionDocument): readonly string[] =>
  [...new Set([...(engine === 'kubernetes' ? ['kubernetes.secret'] : []), ...Object.values(classify ?? {}).map((given) => (typeof given === 'string' ? given : given.class)).filter((name) => name !== 'none')])].sort()

function checkLimits(rule: RuleDocument, connections: ReadonlyMap<string, ConnectionDocument>, report: Report): void {
  if (!rule.limits) return
  if (formsOf(rule, connections).every((form) => form === 'ssh')) checkHostLimits(rule.limits, (key, message) => report('warning', ['limits', key], message, { key: true }))
  for (const name of connectionsOf(rule)) {
    const connection = connections.get(name)
    if (!connection) continue
    const most = withDefaults(connection).limits ?? {}
    for (const key of ['rows', 'bytes', 'affected', 'cost'] as const) {
      if ((rule.limits[key] ?? 0) > (most[key] ?? Infinity)) report('warning', ['limits', key], `the connection \`${name}\` ends at ${most[key]}, and a rule never goes past it`)
    }
    if (rule.limits.timeout && most.timeout && durationMs(rule.limits.timeout) > durationMs(most.timeout)) report('warning', ['limits', 'timeout'], `the connection \`${name}\` ends at ${most.timeout}, and a rule never goes past it`)
  }
}

/** A command is counted by what it writes and how long it takes. */
export function checkHostLimits(limits: LimitsDocument, report: (key: string, message: string) => void): void {
  for (const key of ['rows', 'affected', 'cost'] as const) if (limits[key] !== undefined) report(key, `\`${key}\` limits nothing of a command; \`bytes\` and \`timeout\` do`)
}
