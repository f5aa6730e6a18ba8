import { lstatSync, readFileSync, type Stats } from 'node:fs'
import { opendir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { FormatError } from '../record/log/format.ts'
import { type Key, parseVkey } from '../record/log/note.ts'
import { parsePromise, type Promised } from '../record/promise.ts'
import { type Files, type Report, verifyLog } from '../record/verify/verify.ts'
import type { Witnesses } from '../record/verify/witnessed.ts'
import type { Finding } from '../record/verify/finding.ts'
import { parse, type World } from './command.ts'
import { printJson } from './output.ts'
import { exit, Stop, type Exit, type Terminal } from './terminal.ts'
import { visible } from './visible.ts'

const usage = 'sluice audit verify DIR [--vkey KEY] [--checkpoint FILE] [--promise FILE] [--witness VKEY… [--quorum N] [--max-age 1h]] [--events FILE] [--json]'
const options = {
  vkey: { type: 'string', multiple: true }, checkpoint: { type: 'string', multiple: true }, promise: { type: 'string', multiple: true }, witness: { type: 'string', multiple: true }, quorum: { type: 'string' }, 'max-age': { type: 'string' }, events: { type: 'string' }, json: { type: 'boolean' },
} as const
export interface Given {
  readonly vkey?: readonly string[]; readonly checkpoint?: readonly string[]; readonly promise?: readonly string[]; readonly witness?: readonly string[]; readonly quorum?: string; readonly 'max-age'?: string; readonly json?: boolean
}

/** `sluice audit verify DIR …` as it is typed. */
export async function verifyArgs(args: readonly string[], { terminal }: World): Promise<Exit> {
  const { values: { events, ...values }, positionals: [directory = ''] } = parse(args, options, [1, 1], usage)
  const whole = await verify(terminal, directory, values)
  return events === undefined || whole !== exit.done ? whole : (await import('./held.ts')).held(terminal, filesOf(directory), events)
}

/** `sluice audit verify DIR`: from the files alone, without a gate, a token or a network. */
export async function verify(terminal: Terminal, directory: string, given: Given, now: () => number = Date.now): Promise<Exit> {
  const promises = (await Promise.all((given.promise ?? []).map(promisesIn))).flat()
  const witnesses = witnessesOf(given, now())
  const kept = await Promise.all((given.checkpoint ?? []).map((path) => readFile(path).catch(() => { throw new Stop(exit.invalid, `\`${path}\` cannot be read`) })))
  if (!found(join(directory, 'checkpoint')) && !found(join(directory, 'checkpoints'))) throw new Stop(exit.invalid, `there is no log in \`${directory}\`: it has no file \`checkpoint\`, and no folder \`checkpoints\` as the log's bucket has`)
  let told = 0
  const report = await verifyLog(filesOf(directory), {
    keys: given.vkey?.map((text) => keyOf(text, '--vkey')) ?? null, kept, ...(given.promise === undefined ? {} : { promises: { given: promises, nowMs: now() } }), ...(witnesses === null ? {} : { witnesses }),
    progress: (done, size) => {
      if (done - told < Math.max(200_000, size / 10)) return
      told = done
      terminal.err(`${done} of ${size} entries\n`)
    },
  })
  if (given.json) printJson(terminal, report)
  say(terminal, report, given)
  return report.ok ? exit.done : exit.failed
}

function keyOf(text: string, flag: string): Key {
  try {
    return parseVkey(text)
  } catch (error) {
    throw new Stop(exit.invalid, `${flag}: ${error instanceof FormatError ? error.message : 'cannot be read'}`)
  }
}

/** Values of the header `sluice-promise`, one a line. */
async function promisesIn(path: string): Promise<readonly Promised[]> {
  const text = await readFile(path, 'utf8').catch(() => { throw new Stop(exit.invalid, `\`${path}\` cannot be read`) })
  return text.split('\n').map((line) => line.trim()).flatMap((line, at) => {
    if (line === '') return []
    try {
      return [parsePromise(line)]
    } catch (error) {
      if (!(error instanceof FormatError)) throw error
      throw new Stop(exit.invalid, `\`${path}\`, line ${at + 1}: ${error.message}`)
    }
  })
}

/** null: none are demanded. */
function witnessesOf({ witness, quorum, 'max-age': age }: Given, nowMs: number): Witnesses | null {
  if (witness === undefined) {
    if (quorum !== undefined || age !== undefined) throw new Stop(exit.invalid, '--quorum and --max-age are of witnesses: name them with --witness')
    return null
  }
  const keys = witness.map((text) => keyOf(text, '--witness'))
  if (keys.some(({ type }) => type !== 'cosignature/v1')) throw new Stop(exit.invalid, '--witness takes the key that `sluice audit witness` prints, which is of a cosignature')
  const count = quorum === undefined ? keys.length : /^[1-9]\d{0,2}$/.test(quorum) ? Number(quorum) : Number.NaN
  if (!(count <= new Set(keys.map(({ publicKey }) => Buffer.from(publicKey).toString('base64'))).size)) throw new Stop(exit.invalid, '--quorum is a whole number from 1 to that of the witnesses named, each counted once')
  return { keys, quorum: count, maxAgeMs: age === undefined ? null : spanOf(age), nowMs }
}
function spanOf(text: string): number {
  const [, count, unit] = /^([1-9]\d{0,4})(s|m|h|d)$/.exec(text) ?? []
  if (count === undefined) throw new Stop(exit.invalid, `--max-age is a number and s, m, h or d, not \`${text}\``)
  return Number(count) * (unit === 's' ? 1000 : unit === 'm' ? 60_000 : unit === 'h' ? 3_600_000 : 86_400_000)
}

function say(terminal: Terminal, { ok, origin, size, root, counts, contents, pruned, promises, witnesses, checkpoints, findings, more }: Report, { vkey, promise, witness }: Given): void {
  for (const finding of findings) terminal.err(`${visible(lineOf(finding))}\n`)
  if (more > 0) terminal.err(`and ${more} more\n`)
  if (origin !== null) terminal.err(`${visible(origin)}: ${size} ${size === 1 ? 'entry' : 'entries'}, root ${root}\n`)
  const parts = [
    `${counts.intents} intents`, `${counts.outcomes} outcomes`, `${counts.refusals} refusals`, `${counts.requests} access requests`, `${counts.approvals} approvals`,
    ...(counts.unsettled > 0 ? [`${counts.unsettled} intents without an outcome yet`] : []), ...(counts.digests > 0 ? [`${counts.digests} entries by digest alone`] : []),
    ...(counts.writers > 0 ? [`${counts.writers} processes`] : []), ...(counts.lost > 0 ? [`${counts.lost} events that were in flight when their process died`] : []),
    ...(checkpoints > 0 ? [`${checkpoints} published checkpoints that are of this tree`] : []), ...(pruned > 0 ? [`${pruned} entries were removed when their time was over`] : []), ...(contents.checked > 0 ? [`${contents.checked} contents that are what the log committed to`] : []), ...(contents.erased > 0 ? [`${contents.erased} erased`] : []),
    ...(contents.unexplained > 0 ? [`${contents.unexplained} of them by no erasure in this log yet`] : []),
    ...(counts.unjudged > 0 ? [`${counts.unjudged} executions whose approval lies here by digest alone and was not judged`] : []),
  ]
  if (counts.entries > 0) terminal.err(`${parts.join(', ')}\n`)
  if (promise !== undefined && origin !== null) terminal.err(`${promises.kept} promises kept${promises.due > 0 ? `, ${promises.due} whose time is not over` : ''}${promises.removed > 0 ? `, ${promises.removed} of entries that were removed` : ''}\n`)
  if (witness !== undefined && origin !== null) terminal.err(`${witnesses} of ${witness.length} witnesses cosigned this checkpoint\n`)
  if (vkey === undefined && origin !== null) terminal.err('the key is the one that lies beside the log, so this does not show whose log it is: give the one you were told as --vkey\n')
  terminal.err(ok ? 'the log is whole\n' : 'the log does not verify\n')
}
const lineOf = ({ index, id, path, reason }: Finding): string =>
  `${[index === undefined ? null : `entry ${index}`, id === undefined ? null : `(${id})`, path === undefined ? null : `\`${path}\``].filter((part) => part !== null).join(' ')}: ${reason}`

function filesOf(directory: string): Files {
  return {
    // Synchronous, because nothing else is to be done meanwhile and a small file costs five times as much otherwise.
    async read(path, most) {
      const file = found(join(directory, path))
      if (file === null) return null
      // A link or a device may hold anything, without end, and other than what the next reader of this directory gets.
      if (!file.isFile()) throw new FormatError('it is not a plain file')
      if (file.size > most) throw new FormatError('it is too large')
      return readFileSync(join(directory, path))
    },
    list: (folder) => below(directory, folder.slice(0, -1)),
  }
}
function found(path: string): Stats | null {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) ?? null
  } catch (error) {
    return missing(error as NodeJS.ErrnoException)
  }
}
async function* below(directory: string, path: string): AsyncGenerator<string> {
  const entries = await opendir(join(directory, path)).catch(missing)
  if (entries === null) return
  for await (const entry of entries) {
    if (entry.isDirectory()) yield* below(directory, `${path}/${entry.name}`)
    else yield `${path}/${entry.name}`
  }
}
function missing(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null
  throw error
}
