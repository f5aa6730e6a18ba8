import { list, object, text } from './output.ts'
import { visible, visibleLines } from './visible.ts'

type Read = Readonly<Record<string, unknown>>
type Say = (name: string, value: string) => void

/** As whoever decides must see it: all that the digest binds, nothing cut, hidden characters visible. What is unusual stands before what is not. */
export function show(out: (text: string) => void, request: Read): void {
  const say: Say = (name, value) => { if (value !== '') out(`${name.padEnd(13)}${visible(value)}\n`) }
  asks(say, request)
  statements(out, say, request)
  changes(out, request)
  terms(say, request)
  reaches(say, request)
  grounds(say, request)
  decisions(say, request)
  say('digest', text(request['digest']))
  say('page', text(request['url']))
}

function asks(say: Say, request: Read): void {
  say('request', text(request['id']))
  say('status', text(request['status']))
  say('asked by', [text(request['subject']), ...list(request['actors']).map((actor) => `through ${text(actor)}`)].join(' '))
  for (const one of list(request['principals']).map(object)) say('', `${text(one['id'])}, ${list(one['groups']).length === 0 ? 'of no group' : `of ${joined(one['groups'])}`}`)
  say('issuer', `${text(request['issuer'])}${request['trust'] == null ? '' : ` (${text(request['trust'])})`}`)
  for (const [name, value] of Object.entries(object(request['claims']))) say('token says', `${name}: ${JSON.stringify(value)}`)
  say('connection', text(request['connection']))
  say('purpose', request['purpose'] === null ? '' : `${text(request['purpose'])}  (in the agent's own words)`)
}

function statements(out: (text: string) => void, say: Say, request: Read): void {
  const all = list(request['statements']).map(object)
  const estimate = list(request['estimate']).map(object)
  for (const [n, statement] of all.entries()) {
    const rows = estimate[n]?.['rows']
    out(`${isCommand(request) ? 'command' : 'statement'}${all.length > 1 ? ` ${n + 1}` : ''}${rows === undefined ? '' : `, about ${text(rows)} ${Number(rows) === 1 ? 'row' : 'rows'}`}\n${visibleLines(text(statement['sql'])).replaceAll(/^/gm, '    ')}\n`)
    for (const [i, param] of list(statement['params']).entries()) say(`    $${i + 1}`, JSON.stringify(param))
  }
}

/** On a host: what it reaches is the command itself. */
const isCommand = (request: Read): boolean => { const reached = list(request['accesses']).map(object); return reached.length > 0 && reached.every(({ action, target }) => action === 'exec' && target === undefined) }

/** What the cluster said it would change, when it was asked and now; of a command, as whom and where it runs. */
function changes(out: (text: string) => void, request: Read): void {
  if (isCommand(request)) return where(out, request)
  const lines = (diff: unknown) => visibleLines(text(diff)).replaceAll(/^/gm, '    ')
  if (typeof request['diff'] === 'string') out(`would change\n${lines(request['diff'])}\n`)
  if (typeof request['diffNow'] === 'string') out(`HAS CHANGED SINCE: it would not run as it was asked; now it would change\n${lines(request['diffNow'])}\n`)
}

function where(out: (text: string) => void, request: Read): void {
  const lines = (text: unknown) => String(text).split('\n').map(visible).join(', ')
  if (typeof request['diff'] === 'string') out(`runs         ${lines(request['diff'])}; what it changes is not known before it runs\n`)
  if (typeof request['diffNow'] === 'string') out(`HAS CHANGED SINCE: it would not run as it was asked; now it would run ${lines(request['diffNow'])}\n`)
}

function terms(say: Say, request: Read): void {
  const limits = object(request['limits'])
  const most = (name: string, unit: string) => limits[name] == null ? [] : [`${text(limits[name])} ${unit}`]
  say('UNMASKED', list(request['reveal']).length === 0 ? '' : `the call asks to see ${joined(request['reveal'])} in clear`)
  say('in clear', joined(request['revealed']))
  if (isCommand(request)) {
    say('runs as', 'one command, without a terminal and without input; what it prints has no classes')
    say('at most', [...most('bytes', 'bytes shown'), ...(limits['timeoutMs'] === undefined ? [] : [`${Number(limits['timeoutMs']) / 1000} s`]), ...most('statementsPerHour', 'commands an hour')].join(', '))
    return say('also hides', joined(request['detect']))
  }
  const reached = list(request['accesses']).map(object)
  const cluster = reached.length > 0 && reached.every(({ target }) => target !== undefined) && request['isolation'] === 'read committed' && request['rowMode'] === 'object' && request['maxRows'] == null && request['batch'] !== true
  if (cluster) {
    const held = typeof request['diff'] === 'string' && /^# of the object with uid /m.test(request['diff'])
    say('runs as', `one request to the API server${held ? ', on the object as it is shown: it is looked at again and its version goes along, and where it is another by then nothing runs' : ''}`)
    say('its state', request['fingerprint'] == null || !held ? '' : `${text(request['fingerprint'])} (salted hash, without status, managers and versions)`)
  } else say('runs as', `${request['batch'] === true ? `a transaction of ${list(request['statements']).length}` : 'one statement'}, ${text(request['isolation'])}`)
  if (!cluster) say('rows', `as ${text(request['rowMode'])}${request['maxRows'] == null ? '' : `, the call asks for at most ${text(request['maxRows'])}`}`)
  say('at most', [...most('rows', cluster ? 'objects of a list' : 'rows given'), ...most('bytes', cluster ? 'bytes of one' : 'bytes'), ...(cluster ? [] : most('affected', 'rows changed')), ...(limits['timeoutMs'] === undefined ? [] : [`${Number(limits['timeoutMs']) / 1000} s`]), ...most('cost', 'cost'), ...most('statementsPerHour', cluster ? 'requests an hour' : 'statements an hour'), ...most('rowsPerHour', 'rows an hour')].join(', '))
  say('also hides', joined(request['detect']))
}

function reaches(say: Say, request: Read): void {
  if (isCommand(request)) return                                        // the command itself, which stands whole above
  const several = list(request['statements']).length > 1
  const where = (numbers: readonly unknown[]) => several && numbers.length > 0 ? `, statement ${numbers.map((n) => Number(n) + 1).join(', ')}` : ''
  for (const access of list(request['accesses']).map(object)) {
    const columns = access['columns']
    const read = Array.isArray(columns) ? columns.length === 0 ? ' (rows counted, no column)' : ` (${joined(columns)})` : ''
    say('would', `${text(access['action'])} ${text(access['resource'])}${read}${place(access['target'])}${list(access['via']).length === 0 ? '' : ` by way of ${list(access['via']).map(text).join(', then ')}`}${where(list(access['statements']))}`)
  }
  for (const use of list(request['classified']).map(object)) {
    say('classified', `${text(use['column'])} (${text(use['class'])}): ${text(use['use'])}${use['output'] == null ? '' : `, column ${Number(use['output']) + 1} of the answer`}${use['statement'] === undefined ? '' : where([use['statement']])}`)
  }
}

/** Of a cluster: `web/front`, and what its containers may do; `*`: of no one namespace, or all there are. */
function place(target: unknown): string {
  if (target === undefined) return ''
  const { namespace, name, needs } = object(target)
  return ` ${namespace == null ? '*' : text(namespace)}/${name == null ? '*' : text(name)}${list(needs).length === 0 ? '' : `, its containers: ${joined(needs)}`}`
}

function grounds(say: Say, request: Read): void {
  for (const demand of list(request['demands']).map(object)) {
    say('needs', `${text(demand['quorum'])} of ${joined(demand['by'])}${demand['withinMs'] === undefined ? '' : ` within ${Number(demand['withinMs']) / 60_000} min`} (${text(demand['rule'])})${Number(demand['missing']) > 0 ? `, ${text(demand['missing'])} missing` : ', met'}`)
  }
  const contents = list(request['ruleContents'])
  for (const [i, rule] of list(request['rules']).entries()) say('rule', `${text(rule)}${contents[i] === undefined ? '' : ` (${text(contents[i])})`}`)
  say('policy', text(request['policy']))
  say('objects', text(request['fingerprint']))
}

function decisions(say: Say, request: Read): void {
  const ending = object(request['ending'])
  for (const decision of list(request['decisions']).map(object)) say('said', `${text(decision['decision'])} by ${text(decision['subject'])} at ${text(decision['at'])}${decision['reason'] === null ? '' : `: ${text(decision['reason'])}`}`)
  for (const notice of list(request['notices']).map(object)) say('told', `${text(notice['to'])}${notice['sent'] === true ? '' : `: not sent, ${text(notice['attempts'])} tries`}`)
  say('until', text(request['expiresAt']))
  const why = [ending['slug'], ending['reason'], ending['sqlstate']].filter((word) => word != null).map(text).join(', ')
  say('ended', ending['at'] === undefined ? '' : `${text(ending['at'])}${why === '' ? '' : ` (${why})`}${ending['detail'] ? `: ${text(ending['detail'])}` : ''}`)
}

const joined = (value: unknown): string => list(value).map(text).join(', ')
