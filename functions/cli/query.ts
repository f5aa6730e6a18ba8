import { encode, type Command } from './command.ts'
import { list, object, printJson, refused, text } from './output.ts'
import { patiently } from './patience.ts'
import { readStatement, statementHelp } from './statement.ts'
import { table } from './table.ts'
import { exit, Stop, type Terminal } from './terminal.ts'
import { visible } from './visible.ts'

const usage = 'sluice query CONNECTION STATEMENT [options]'
export const query: Command = {
  summary: 'run a statement through the gate and show its rows, masked as the policy says',
  help: `${usage}

  sluice query shop 'select id, name, email from public.customers limit 3'
  sluice query shop 'select * from public.orders where customer_id = $1' --param 42
  echo 'select 1' | sluice query shop --file -

Rows go to standard output, words to standard error. The gate decides per statement; \`sluice explain\` asks without running.

${statementHelp}
  --wait                 holds until people have decided, then shows the rows; Ctrl-C leaves the request waiting. Without it: exit code 4
  --idempotency-key KEY  a repeat with the same key gives the first answer instead of running twice`,
  run: async (args, world) => {
    const { connection, body, headers, json, wait } = await readStatement(args, world.terminal, usage)
    const client = await world.gate()
    const reply = await patiently(world.terminal, wait ? Infinity : 0, (seconds) =>
      client.call('POST', `/v1/connections/${encode(connection)}/query`, { body, headers: { ...headers, ...(seconds > 0 ? { prefer: `wait=${seconds}` } : {}) } }))
    if (reply.status === 202) {
      if (json) printJson(world.terminal, reply.body)
      return exit.waiting
    }
    if (reply.status >= 300) return refused(world.terminal, reply, json)
    if (json) printJson(world.terminal, reply.body)
    else show(world.terminal, object(reply.body))
    return exit.done
  },
}

function show(terminal: Terminal, answer: Readonly<Record<string, unknown>>): void {
  const results = 'results' in answer ? list(answer['results']).map(object) : [answer]
  for (const result of results) showRows(terminal, result)
  const receipt = text(object(answer['receipt'])['event'])
  terminal.err(`${[['evaluation', answer['evaluation']], ['session', answer['session']], ['recorded as', receipt]].filter(([, value]) => value).map(([name, value]) => `${text(name)} ${visible(text(value))}`).join(' · ')}\n`)
}

function showRows(terminal: Terminal, result: Readonly<Record<string, unknown>>): void {
  const columns = list(result['columns']).map(object)
  const names = columns.map((column) => text(column['name']))
  if (columns.length > 0) {
    const rows = list(result['rows']).map((row) => Array.isArray(row) ? row : names.map((name) => object(row)[name]))
    terminal.out(`${table(names, rows, terminal.columns)}\n`)
  }
  const count = Number(result['rowCount'])
  terminal.err(`${count} ${count === 1 ? 'row' : 'rows'}${result['truncated'] === true ? ', cut at a limit: there are more' : ''}\n`)
  const masked = columns.filter((column) => column['masked'] !== undefined).map((column) => `${visible(text(column['name']))} (${visible(text(column['class']))}, ${visible(text(column['masked']))})`)
  if (masked.length > 0) terminal.err(`masked: ${masked.join(', ')}\n`)
  const detected = Object.entries(object(result['detected'])).map(([name, hits]) => `${visible(text(hits))} × ${visible(name)}`)
  if (detected.length > 0) terminal.err(`redacted in unclassified text: ${detected.join(', ')}\n`)
}

const explainUsage = 'sluice explain CONNECTION STATEMENT [options]'
export const explain: Command = {
  summary: 'ask what the gate would decide about a statement, and why; nothing runs',
  help: `${explainUsage}

  sluice explain shop 'select email from public.customers'

Exit code 0 when it is permitted, 2 when it is denied, 4 when it would wait for a person.

${statementHelp}`,
  run: async (args, world) => {
    const { connection, body, headers, json, wait } = await readStatement(args, world.terminal, explainUsage)
    if (wait) throw new Stop(exit.invalid, `an explanation waits for nobody; leave out --wait\nusage: ${explainUsage}`)
    const reply = await (await world.gate()).call('POST', `/v1/connections/${encode(connection)}/explain`, { body, headers })
    if (reply.status >= 300) return refused(world.terminal, reply, json)
    const answer = object(reply.body)
    if (json) printJson(world.terminal, reply.body)
    else showExplanation(world.terminal, answer)
    return answer['decision'] === 'permit' ? exit.done : answer['decision'] === 'ask' ? exit.waiting : exit.denied
  },
}

export function showExplanation(terminal: Terminal, answer: Readonly<Record<string, unknown>>): void {
  const line = (name: string, value: string) => value === '' ? '' : `${name.padEnd(11)}${visible(value)}\n`
  const accesses = list(answer['accesses']).map(object).map((access) => `${text(access['action'])} on ${text(access['resource'])}${Array.isArray(access['columns']) && access['columns'].length > 0 ? ` (${access['columns'].join(', ')})` : ''}`)
  const masks = list(answer['masks']).map(object).map((mask) => `${text(mask['column'])} ${text(mask['class'])} → ${text(mask['mask']) || 'in clear'}`)
  const demands = list(answer['demands']).map(object).map((demand) => `${text(demand['quorum'])} of ${list(demand['by']).join(', ')}`)
  terminal.out(`${line('decision', text(answer['decision']))}${line('rules', list(answer['rules']).join(', '))}${accesses.map((access) => line('access', access)).join('')}${masks.map((mask) => line('mask', mask)).join('')}${demands.map((demand) => line('approval', demand)).join('')}`)
  const problem = object(answer['problem'])
  if (problem['detail'] !== undefined) terminal.err(`${visible(text(problem['detail']))}\n`)
}
