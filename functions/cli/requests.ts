import { encode, parse, search, type Command, type World } from './command.ts'
import { showSaid } from './exec.ts'
import { list, object, printJson, refused, text } from './output.ts'
import { show } from './request.ts'
import { table } from './table.ts'
import { exit, Stop, type Exit, type Terminal } from './terminal.ts'
import { visible, visibleLines } from './visible.ts'

const usage = 'sluice requests [ID] [options]'
export const requests: Command = {
  summary: 'what waits for people: yours, and what you may decide; with an id, all of one',
  help: `${usage}

  sluice requests                            what waits
  sluice requests --status succeeded         pending, approved, executing, succeeded, failed, outcome-unknown, rejected, expired, cancelled or stale; \`all\` for everything
  sluice requests arq_…                      the whole statement, who asks, what it touches; its rows, when you asked and it ran
  sluice requests arq_… --cancel             takes your own request back

  --limit N              requests a page (50)    --after CURSOR   the page after
  --json

Deciding is \`sluice approve\` and \`sluice reject\`. Exit code of one request: 0 it ran, 2 it was rejected, 4 it still waits, 1 otherwise.`,
  run: async (args, world) => {
    const { values, positionals: [id] } = parse(args, { status: { type: 'string' }, limit: { type: 'string' }, after: { type: 'string' }, cancel: { type: 'boolean' }, json: { type: 'boolean' } }, [0, 1], usage)
    if (id !== undefined) return one(id, values.cancel === true, values.json === true, world)
    const status = values.status === 'all' ? undefined : values.status ?? 'pending'
    const reply = await (await world.gate()).call('GET', `/v1/requests${search({ status, limit: values.limit, after: values.after })}`)
    if (reply.status >= 300) return refused(world.terminal, reply, values.json === true)
    if (values.json) printJson(world.terminal, reply.body)
    else showList(world.terminal, object(reply.body), status)
    return exit.done
  },
}

function showList(terminal: Terminal, body: Readonly<Record<string, unknown>>, status: string | undefined): void {
  const found = list(body['requests']).map(object)
  if (found.length === 0) return terminal.err(`nothing ${status === undefined ? 'was asked' : `is ${status}`} that is yours or yours to decide\n`)
  const rows = found.map((request) => [request['id'], request['status'], request['subject'], request['connection'], firstLine(request), told(request), request['expiresAt'], request['onRecord'] === false ? 'nobody' : request['mayDecide'] === true ? 'you' : list(request['approvers']).join(', ')])
  terminal.out(`${table(['request', 'status', 'asked by', 'connection', 'statement', 'told', 'until', 'decided by'], rows, terminal.columns)}\n`)
  if (body['next'] !== undefined) terminal.err(`there are more: --after ${text(body['next'])}\n`)
}
const firstLine = (request: Readonly<Record<string, unknown>>): string => {
  if (request['onRecord'] === false) return '[not on record: nobody asked for this as it stands here]'
  const [first, ...more] = list(request['statements']).map((statement) => text(object(statement)['sql']).replaceAll(/\s+/g, ' '))
  const rest = more.length + (Number(request['moreStatements']) || 0)
  return `${first ?? ''}${rest === 0 ? '' : ` (and ${rest} more)`}`
}
/** How telling people went: a request nobody was told of waits for nobody. */
const told = (request: Readonly<Record<string, unknown>>): string => {
  const notices = list(request['notices']).map(object)
  const sent = notices.filter((notice) => notice['sent'] === true).length
  return notices.length === 0 ? 'nobody yet' : sent === notices.length ? `${sent}` : `${sent} of ${notices.length}`
}

async function one(id: string, cancel: boolean, json: boolean, { terminal, gate }: World): Promise<Exit> {
  const reply = await (await gate()).call(cancel ? 'DELETE' : 'GET', `/v1/requests/${encode(id)}`)
  if (reply.status >= 300) return refused(terminal, reply, json)
  const body = object(reply.body)
  const request = object(body['request'])
  if (json) printJson(terminal, reply.body)
  else show(terminal.out, request)
  const result = object(body['result'])
  if (!json && body['result'] !== undefined) showResult(terminal, result)
  else if (!json && request['resultUntil'] != null) terminal.err(`it ran once, and there are no rows to give: they are kept for 24 hours, until ${visible(text(request['resultUntil']))}, and nothing runs again\n`)
  return exitOfStatus(text(request['status']))
}

function showResult(terminal: Terminal, result: Readonly<Record<string, unknown>>): void {
  if (typeof result['body'] === 'string') {                          // of a host or a cluster: its own answer
    const said = saidOf(result['body'])
    if (said !== null) return showSaid(terminal, said)
    terminal.out(`${visibleLines(result['body'])}\n`)
    return terminal.err(`answered ${Number(result['status'])}\n`)
  }
  for (const one of 'results' in result ? list(result['results']).map(object) : [result]) {
    const names = list(one['columns']).map((column) => text(object(column)['name']))
    if (names.length > 0) terminal.out(`${table(names, list(one['rows']).map((row) => Array.isArray(row) ? row : names.map((name) => object(row)[name])), terminal.columns)}\n`)
    terminal.err(`${Number(one['rowCount'])} ${Number(one['rowCount']) === 1 ? 'row' : 'rows'}\n`)
  }
}

/** What a command wrote, and how it ended; null: it is none's. */
function saidOf(body: string): Readonly<Record<string, unknown>> | null {
  try {
    const said = object(JSON.parse(body))
    return 'stdout' in said && 'stderr' in said && 'exitCode' in said ? said : null
  } catch {
    return null
  }
}

function exitOfStatus(status: string): Exit {
  switch (status) {
    case 'pending': case 'approved': case 'executing': return exit.waiting
    case 'succeeded': case 'cancelled': return exit.done
    case 'rejected': return exit.denied
    default: return exit.failed
  }
}

const decideUsage = (word: string) => `sluice ${word} ID [--reason TEXT] [--digest DIGEST]${word === 'approve' ? ' [--yes]' : ''}`
const deciding = (word: 'approve' | 'reject'): Command => ({
  summary: word === 'approve' ? 'say yes to a request, as a person' : 'say no to a request, which ends it',
  help: `${decideUsage(word)}

  sluice ${word} arq_…
  sluice ${word} arq_… --reason 'customer confirmed'

Shows the whole request first and sends its digest with the decision, so that what is decided on is what was shown.${word === 'approve' ? ' On a terminal it asks\nbefore it approves; in a script it does not.' : ''} Only people decide, signed in at most
15 minutes ago (\`sluice login\`); never who asked, nor the owner of the agent that asks.

  --reason TEXT          kept with the decision; the requester sees the reason of a rejection
  --digest DIGEST        decide only if the request still has this digest, as you read it elsewhere${word === 'approve' ? '\n  --yes                  approve without being asked' : ''}
  --json`,
  run: async (args, { terminal, gate }) => {
    const { values, positionals: [id = ''] } = parse(args, { reason: { type: 'string' }, digest: { type: 'string' }, json: { type: 'boolean' }, ...(word === 'approve' ? { yes: { type: 'boolean' } } as const : {}) }, [1, 1], decideUsage(word))
    const json = values.json === true
    const client = await gate()
    const shown = await client.call('GET', `/v1/requests/${encode(id)}`)
    if (shown.status >= 300) return refused(terminal, shown, json)
    const request = object(object(shown.body)['request'])
    const digest = values.digest ?? text(request['digest'])
    if (digest === '') throw new Stop(exit.failed, 'the gate shows this request without a digest')
    // With --json standard output is for a program; a person at a terminal still reads what they say yes to.
    const asks = word === 'approve' && values.yes !== true && terminal.ask !== undefined
    if (!json) show(terminal.out, request)
    else if (asks) show(terminal.err, request)
    if (asks && !/^y(es)?$/i.test((await terminal.ask?.('approve this? [y/N] ') ?? '').trim())) {
      terminal.err('nothing was decided\n')
      return exit.waiting
    }
    const reply = await client.call('POST', `/v1/requests/${encode(id)}/decision`, { body: { decision: word, digest, ...(values.reason === undefined ? {} : { reason: values.reason }) } })
    if (reply.status >= 300) return refused(terminal, reply, json)
    const after = object(object(reply.body)['request'])
    const said = word === 'approve' ? 'approved' : 'rejected'
    if (json) printJson(terminal, reply.body)
    else terminal.err(`${said}${text(after['status']) === said ? '' : `; the request is now ${visible(text(after['status']))}`}\n`)
    return exit.done
  },
})
export const approve = deciding('approve')
export const reject = deciding('reject')
