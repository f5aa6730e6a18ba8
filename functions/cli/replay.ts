import { count, foresee, type Counts } from '../decide/hindsight.ts'
import { compile } from '../decide/compile.ts'
import { stepsOf } from '../record/export/steps.ts'
import { parse, type World } from './command.ts'
import { printJson } from './output.ts'
import { readPolicy } from './policy/read.ts'
import { problemLine } from './policy/yaml.ts'
import { changeLines, countLines } from './replay/change.ts'
import { fileEvents, fileSession, gateEvents, gateSession } from './replay/source.ts'
import { stepLines } from './replay/step.ts'
import { exit, Stop, type Exit, type Terminal } from './terminal.ts'
import { visible } from './visible.ts'

const usage = 'sluice audit replay SESSION [--from FILE] | sluice audit replay --policy DIR [SESSION | --from-time TIME --to-time TIME] [--from FILE]'
const options = { 'from': { type: 'string' }, 'policy': { type: 'string' }, 'from-time': { type: 'string' }, 'to-time': { type: 'string' }, 'json': { type: 'boolean' } } as const

/** `sluice audit replay`: plays a session back, or decides what is on record under another policy. Nothing is run again, and no target is touched. */
export async function replay(args: readonly string[], world: World): Promise<Exit> {
  const { values, positionals: [session] } = parse(args, options, [0, 1], usage)
  const { from: file, policy, json, 'from-time': from, 'to-time': to } = values
  if (session !== undefined && (from !== undefined || to !== undefined)) throw new Stop(exit.invalid, 'a session is replayed whole; --from-time and --to-time are for all of the record')
  if (session === undefined && policy === undefined) throw new Stop(exit.invalid, `name a session, or with --policy another policy\nusage: ${usage}`)
  if (session !== undefined && !/^ses_[0-9A-Za-z_-]{1,200}$/.test(session)) throw new Stop(exit.invalid, 'a session is `ses_…`, as answers and events carry it')
  return policy === undefined ? play(world, session ?? '', file, json === true) : judge(world, policy, { session, file, from, to }, json === true)
}

async function play(world: World, session: string, file: string | undefined, json: boolean): Promise<Exit> {
  const { events, requests, missing, damaged } = file === undefined ? await gateSession(world, session, json) : await fileSession(file, session)
  if (events.length === 0 && (file !== undefined || missing.length + damaged.length === 0)) throw new Stop(exit.invalid, `there is no event of session \`${session}\`${file === undefined ? '' : ` in \`${file}\``}${damaged.length === 0 ? '' : `, and what cannot be read there: ${damaged.join(', ')}`}`)
  const steps = stepsOf(events, requests)
  if (json) printJson(world.terminal, { session, steps, ...gapsOf(missing, damaged) })
  else for (const [i, step] of steps.entries()) { world.terminal.out(`${stepLines(step, i + 1).join('\n')}\n`); await world.terminal.drained?.() }
  if (!json) world.terminal.err(`${steps.length} ${steps.length === 1 ? 'step' : 'steps'}\n`)
  return whole(world.terminal, missing, damaged)
}

const gapsOf = (missing: readonly string[], damaged: readonly string[]) => ({ ...(missing.length === 0 ? {} : { missing }), ...(damaged.length === 0 ? {} : { damaged }) })
/** A replay with a gap was shown as far as it could be, and is not done: the ids say what is lacking. */
function whole(terminal: Terminal, missing: readonly string[], damaged: readonly string[]): Exit {
  if (damaged.length > 0) terminal.err(`not whole: in the record and cannot be read: ${damaged.map(visible).join(', ')}\n`)
  if (missing.length > 0) terminal.err(`not whole: in the log and no longer in the record: ${missing.map(visible).join(', ')}\n`)
  return missing.length + damaged.length === 0 ? exit.done : exit.failed
}

interface History { readonly session: string | undefined; readonly file: string | undefined; readonly from: string | undefined; readonly to: string | undefined }
async function judge(world: World, directory: string, { session: named, file, from, to }: History, json: boolean): Promise<Exit> {
  const { terminal } = world
  const { bundle, problems } = await readPolicy(directory).catch((error: NodeJS.ErrnoException) => { throw new Stop(exit.invalid, `cannot read \`${directory}\`: ${error.code === 'ENOENT' ? 'there is no such directory' : error.message}`) })
  for (const problem of problems) if (problem.level === 'error') terminal.err(`${visible(problemLine(problem))}\n`)
  if (bundle === null) throw new Stop(exit.invalid, 'the policy is not sound; nothing was replayed')
  const policy = compile(bundle)
  const counts: Counts = { decisions: 0, same: 0, changed: 0, unknown: 0 }
  const found: unknown[] = []
  const session = named === undefined ? null : file === undefined ? await gateSession(world, named, json) : await fileSession(file, named)
  const damaged = [...session?.damaged ?? []]
  if (session !== null && session.events.length + session.missing.length + damaged.length === 0) throw new Stop(exit.invalid, `there is no event of session \`${named}\``)
  for await (const event of session?.events ?? (file === undefined ? gateEvents(world, { from, to }, json, damaged) : fileEvents(file, { from, to }, damaged))) {
    const foreseen = foresee(policy, event)
    if (foreseen === null) continue
    count(counts, foreseen)
    if (!foreseen.changes && foreseen.cannot === null) continue
    if (json) found.push(foreseen)
    else { terminal.out(`${changeLines(foreseen, event).join('\n')}\n`); await terminal.drained?.() }
  }
  if (json) printJson(terminal, { policy: policy.version, ...counts, events: found, ...gapsOf(session?.missing ?? [], damaged) })
  else terminal.err(`${countLines(counts)}\n`)
  return whole(terminal, session?.missing ?? [], damaged)
}
