import type { Caller } from '../../schema/caller.ts'
import type { ConnectionDocument } from '../../schema/policy.ts'
import { ok, refuse, type Refusal, type Result } from '../../schema/refusal.ts'
import type { Query } from '../../schema/request.ts'

export interface Reach {
  readonly connections: ReadonlyMap<string, ConnectionDocument>
  /** true when every principal of the caller has a rule that allows something there. */
  reaches(caller: Caller, connection: string): boolean
}

/**
 * The connection, to a caller who may know of it. One that does not exist and one that no rule of the caller names answer with the same words, and so does one whose engine the question is not
 * in the language of. `form`: of the question; left out: whatever the engine.
 */
export function findConnection(policy: Reach, caller: Caller, name: string, form?: Form): Result<ConnectionDocument> {
  const document = policy.connections.get(name)
  const spoken = document !== undefined && (form === undefined || forms[document.engine] === form)
  if (document && spoken && policy.reaches(caller, name)) return ok(document)
  if (document && policy.reaches(caller, name)) return refuse(spokenOtherwise(document))
  const known = [...policy.connections.values()].filter((other) => (form === undefined || forms[other.engine] === form) && policy.reaches(caller, other.name)).map((other) => other.name).sort().slice(0, 20)
  const shown = `\`${name.slice(0, 63).replace(/[^\x21-\x5f\x61-\x7e]/g, '?')}\``
  const others = known.length > 0 ? `; your rules speak of ${known.map((other) => `\`${other}\``).join(', ')}` : ''
  return refuse({
    slug: 'not-found', reason: 'no_connection', next: known.length > 0 ? 'fix' : 'none', detail: `there is no connection ${shown} that you may use${others}`,
    inner: document ? 'it exists; no rule of every principal names it' : 'it does not exist',
  })
}

/** Columns said to carry nothing, sorted, where something is looked for (`detect`): what leaves of them is looked through by nobody, so an answer in clear stands on it as on its masks. */
export function unlooked({ classify = {} }: Pick<ConnectionDocument, 'classify'>, detect: readonly string[]): readonly string[] {
  return detect.length === 0 ? [] : Object.entries(classify).filter(([, entry]) => (typeof entry === 'string' ? entry : entry.class) === 'none').map(([column]) => column).toSorted()
}

type Form = 'sql' | NonNullable<Query['form']>
/** Whoever may know of it is told where it is asked. */
function spokenOtherwise({ name, engine }: ConnectionDocument): Refusal {
  const where = places[forms[engine]](name)
  return { slug: 'not-found', reason: 'no_connection', next: 'fix', detail: `connection \`${name}\` is not asked here; it is ${where}`, inner: `it is of engine ${engine}` }
}

const places: Readonly<Record<Form, (name: string) => string>> = {
  sql: (name) => `a database: it is asked at /v1/connections/${name}/query`,
  kubernetes: (name) => `a cluster: it is asked at /v1/kubernetes/${name}/, and commands in a container at /v1/connections/${name}/exec with \`namespace\` and \`pod\``,
  ssh: (name) => `a host: commands go to /v1/connections/${name}/exec, such as \`{"command": ["df", "-h"]}\``,
}
/** What language an engine is asked in. */
const forms: Readonly<Record<ConnectionDocument['engine'], Form>> = { postgres: 'sql', mysql: 'sql', kubernetes: 'kubernetes', ssh: 'ssh' }
