import { encode, parse, search, type Command } from './command.ts'
import { list, object, printJson, refused, text } from './output.ts'
import { reachOf } from './reach.ts'
import { table } from './table.ts'
import { exit, Stop, type Terminal } from './terminal.ts'
import { visibleLines } from './visible.ts'

const usage = 'sluice audit list [options] | sluice audit show EVENT | sluice audit verify DIR | --url GATE [--vkey KEY] [--checkpoint FILE] [--promise FILE] [--witness VKEY… [--quorum N] [--max-age 1h]] [--events FILE] | sluice audit export --log DIR | sluice audit receipt EVENT | sluice audit export --format ndjson|ocsf [--out FILE] | sluice audit replay SESSION | sluice audit witness …'
const options = {
  from: { type: 'string' }, to: { type: 'string' }, subject: { type: 'string' }, actor: { type: 'string' }, connection: { type: 'string' }, kind: { type: 'string' },
  session: { type: 'string' }, evaluation: { type: 'string' }, object: { type: 'string' }, action: { type: 'string' }, decision: { type: 'string' }, rule: { type: 'string' }, limit: { type: 'string' }, after: { type: 'string' }, json: { type: 'boolean' },
  vkey: { type: 'string', multiple: true }, checkpoint: { type: 'string', multiple: true }, log: { type: 'string' }, content: { type: 'boolean' },
} as const

export const audit: Command = {
  summary: 'read the record: who asked for what, what was decided, what became of it',
  help: `${usage}

  sluice audit list --subject agent:support-bot --limit 20
  sluice audit list --evaluation eval_…        everything about one call
  sluice audit show evt_…
  sluice audit export --log ./log          the whole log as files, or what is new since the last export; --content: with what can still be opened of its content
  sluice audit export --format ndjson --from 2026-11-01 --out november.ndjson     events as lines; ocsf: as OCSF 1.8
  sluice audit replay ses_…                a session, step by step; --from FILE out of an ndjson export, without a gate
  sluice audit replay --policy policy/ --from-time 2026-11-01     what another policy would have decided; nothing runs
  sluice audit erase ses_… --yes           destroys the keys of a session's content; --subject user:… --before TIME those of a person. The log still verifies
  sluice audit receipt evt_…               proof that an event is in the log
  sluice audit verify ./log --vkey NAME+ID+KEY     an exported log, offline: needs no gate and no token
  sluice audit verify --url https://sluice.acme.dev --vkey KEY     the log of a running gate, streamed and not kept; SLUICE_URL names one as well. Without content: export a copy for that
  sluice audit verify ./log --events november.ndjson     whether an export holds events of this log and no others
  sluice audit witness --vkey KEY --state FILE --key FILE [--url GATE | --log DIR] [--name NAME] [--out FILE] [--once | --every 1m] [--trust-anew]
                                           remembers the newest checkpoint, refuses a rollback or a fork, cosigns what continues it

Newest first. Reading the record is itself recorded.

  --from TIME --to TIME  ISO 8601, such as 2026-11-22T09:00:00Z
  --subject, --actor     user:… or agent:…
  --connection NAME
  --kind KIND            of calls: intent, outcome, correction, refusal, explain, repeat, stream, output, unauthenticated; of requests: request, approval, rejection, cancellation, expiry, stale;
                         of the gate: policy, lock, audit-read, erasure, prune, sign-in, start, heartbeat, writer, void, log-key
  --session ID           --evaluation ID
  --object NAME          what was accessed, such as public.orders or 'payroll.*' (* stands for any text)
  --action NAME          such as select; with --object, of the same access
  --decision WORD        permit, deny or ask; of outcomes succeeded, failed or unknown
  --rule NAME            a rule that took part, such as support-agent.rules[0]
                         these four ask the index of the log, which is a little behind: the answer says how far it came
  --limit N              events a page, at most 200; --after CURSOR continues where the last page ended
  --vkey KEY             the log's key, as you were told it; without it the one that lies beside the log, which does not show whose log it is
  --checkpoint FILE      a checkpoint kept from before: the log must begin with it, so that a rollback or a fork shows
  --promise FILE         values of the header sluice-promise, one a line: each must be in the log by its time, as it was promised
  --witness VKEY         who must have cosigned the checkpoint; --quorum N of them, --max-age 1h at the longest ago
  --json                 the events as they are kept`,
  run: async (args, world) => {
    if (args[0] === 'verify') return (await import('./verify.ts')).verifyArgs(args.slice(1), world)
    if (args[0] === 'erase') return (await import('./erase.ts')).erase(args.slice(1), world)
    if (args[0] === 'witness') return (await import('./witness.ts')).witness(args.slice(1), world)
    if (args[0] === 'replay') return (await import('./replay.ts')).replay(args.slice(1), world)
    if (args[0] === 'export' && !args.some((arg) => /^--log(=|$)/.test(arg))) return (await import('./events.ts')).exportEvents(args.slice(1), world)
    const { values, positionals: [verb, id] } = parse(args, options, [1, 2], usage)
    const { json, vkey, checkpoint, log, content, ...filters } = values
    if (vkey || checkpoint) throw new Stop(exit.invalid, '--vkey and --checkpoint belong to `sluice audit verify`')
    if (log === '') throw new Stop(exit.invalid, '--log names no directory; is a variable not set?')
    if (verb === 'export' && id === undefined && log !== undefined) return (await import('./export.ts')).exportLog(world.terminal, await world.gate(), log, content === true)
    if (log !== undefined || content) throw new Stop(exit.invalid, '--log DIR belongs to `sluice audit export`, and --content to it')
    if (verb === 'receipt' && id !== undefined) {
      const receipt = await (await world.gate()).bytes(`/v1/audit/events/${encode(id)}/receipt`)
      if (!receipt.ok) return refused(world.terminal, receipt.reply, json === true)
      world.terminal.out(visibleLines(Buffer.from(receipt.bytes).toString('utf8')))
      return exit.done
    }
    if (verb === 'show' && id !== undefined) {
      const reply = await (await world.gate()).call('GET', `/v1/audit/events/${encode(id)}`)
      if (reply.status >= 300) return refused(world.terminal, reply, json === true)
      printJson(world.terminal, json ? reply.body : object(reply.body)['event'])
      return exit.done
    }
    if (verb !== 'list' || id !== undefined) throw new Stop(exit.invalid, `usage: ${usage}`)
    const reply = await (await world.gate()).call('GET', `/v1/audit/events${search(filters)}`)
    if (reply.status >= 300) return refused(world.terminal, reply, json === true)
    if (json) printJson(world.terminal, reply.body)
    else show(world.terminal, object(reply.body))
    return exit.done
  },
}

function show(terminal: Terminal, page: Readonly<Record<string, unknown>>): void {
  const rows = list(page['events']).map(object).map((event) =>
    [event['at'], event['id'], event['kind'], object(event['who'])['subject'] ?? '', event['connection'] ?? '', about(event)])
  terminal.out(`${table(['at', 'event', 'kind', 'subject', 'connection', 'what'], rows, terminal.columns)}\n`)
  const next = page['next']
  for (const line of reachOf(page)) terminal.err(`${line}\n`)
  terminal.err(typeof next === 'string' ? `there are older ones: --after ${next}\n` : `${rows.length} ${rows.length === 1 ? 'event' : 'events'}\n`)
}

/** One line that says what happened; the whole is `audit show`. */
function about(event: Readonly<Record<string, unknown>>): string {
  const statements = list(event['statements']).map((statement) => text(object(statement)['sql'])).join('; ')
  const refusal = object(event['refusal'])
  const why = refusal['slug'] === undefined ? '' : `${text(refusal['slug'])} (${text(refusal['reason'])})`
  if (event['kind'] === 'outcome' || event['kind'] === 'correction') return [text(event['status']), ended(event), why].filter(Boolean).join(', ')
  if (event['change'] !== undefined) return text(event['change'])
  return [why, statements].filter(Boolean).join(': ')
}

/** Of a command its exit code, of anything else its rows. */
function ended(event: Readonly<Record<string, unknown>>): string {
  const { exitCode, ended: how } = object(event['said'])
  if (typeof exitCode === 'number') return `exit ${exitCode}`
  if (event['said'] !== undefined) return text(how)
  const rows = list(event['rowCounts']).join('+') || '0'
  return `${rows} ${rows === '1' ? 'row' : 'rows'}`
}
