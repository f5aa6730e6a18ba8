import { readFile } from 'node:fs/promises'
import { FormatError } from '../record/log/format.ts'
import { type Key, parseVkey } from '../record/log/note.ts'
import { parsePromise, type Promised } from '../record/promise.ts'
import { type Files, type Report, verifyLog } from '../record/verify/verify.ts'
import type { Witnesses } from '../record/verify/witnessed.ts'
import type { Client } from './client.ts'
import { parse, type World } from './command.ts'
import { filesOf, holdsLog } from './directory.ts'
import { filesAt, type Live } from './live.ts'
import { printJson } from './output.ts'
import { say } from './report.ts'
import { exit, Stop, type Exit, type Terminal } from './terminal.ts'

const usage = 'sluice audit verify DIR | --url GATE [--vkey KEY] [--checkpoint FILE] [--promise FILE] [--witness VKEY… [--quorum N] [--max-age 1h]] [--events FILE] [--json]'
const options = {
  url: { type: 'string' }, vkey: { type: 'string', multiple: true }, checkpoint: { type: 'string', multiple: true }, promise: { type: 'string', multiple: true }, witness: { type: 'string', multiple: true }, quorum: { type: 'string' }, 'max-age': { type: 'string' }, events: { type: 'string' }, json: { type: 'boolean' },
} as const
export interface Given {
  readonly vkey?: readonly string[]; readonly checkpoint?: readonly string[]; readonly promise?: readonly string[]; readonly witness?: readonly string[]; readonly quorum?: string; readonly 'max-age'?: string; readonly json?: boolean
}

/** `sluice audit verify DIR …`, or of the gate that --url or SLUICE_URL names, as it is typed. */
export async function verifyArgs(args: readonly string[], { terminal, gate }: World): Promise<Exit> {
  const { values: { events, url, ...values }, positionals: [directory] } = parse(args, options, [0, 1], usage)
  if (directory !== undefined && url !== undefined) throw new Stop(exit.invalid, 'a log is verified in a directory or at a gate (--url), not both')
  // Never at a gate that nobody named: in a script whose DIR came out empty its log would pass for the copy that was to be verified.
  if (directory === '' || directory === undefined && !(url ?? terminal.env['SLUICE_URL'])) throw new Stop(exit.invalid, `name a directory, or a gate by --url or SLUICE_URL\nusage: ${usage}`)
  const { code, files } = directory === undefined ? await verifyGate(terminal, await gate(url), values) : { code: await verify(terminal, directory, values), files: filesOf(directory) }
  return events === undefined || code !== exit.done ? code : (await import('./held.ts')).held(terminal, files, events)
}

/** `sluice audit verify DIR`: from the files alone, without a gate, a token or a network. */
export async function verify(terminal: Terminal, directory: string, given: Given, now: () => number = Date.now): Promise<Exit> {
  const against = await read(given, now())
  if (!holdsLog(directory)) throw new Stop(exit.invalid, `there is no log in \`${directory}\`: it has no file \`checkpoint\`, and no folder \`checkpoints\` as the log's bucket has`)
  return told(terminal, await judge(terminal, filesOf(directory), against, fewest.directory), given, null)
}

/** The same of a log that a gate shows, streamed: nothing of it is kept. Gives also what was read, as it was verified. */
async function verifyGate(terminal: Terminal, gate: Client, given: Given, now: () => number = Date.now): Promise<{ readonly code: Exit; readonly files: Live }> {
  const against = await read(given, now())
  let files = filesAt(gate, terminal)
  let report = await judge(terminal, files, against, fewest.gate)
  // Removed while it was read, and the log says so in an entry after the checkpoint that was read. The log as it is now has that entry, and must begin with what was read.
  if (!report.ok && files.pruned()) {
    const before = await files.read('checkpoint', Infinity)
    terminal.err('the gate says that entries were removed when their time was over; its log is read again, as it is now\n')
    files = filesAt(gate, terminal)
    report = await judge(terminal, files, { ...against, kept: [...against.kept, ...before === null ? [] : [before]] }, fewest.gate)
  }
  return { code: told(terminal, report, given, gate.url), files }
}
/** Entries between two words of how far it came. */
const fewest = { directory: 200_000, gate: 5_000 }

/** What the log is held against, read from the files that were named. */
type Against = Pick<Parameters<typeof verifyLog>[1], 'keys' | 'kept' | 'promises' | 'witnesses'>
async function read(given: Given, nowMs: number): Promise<Against> {
  const promises = (await Promise.all((given.promise ?? []).map(promisesIn))).flat()
  const witnesses = witnessesOf(given, nowMs)
  const kept = await Promise.all((given.checkpoint ?? []).map((path) => readFile(path).catch(() => { throw new Stop(exit.invalid, `\`${path}\` cannot be read`) })))
  return { keys: given.vkey?.map((text) => keyOf(text, '--vkey')) ?? null, kept, ...(given.promise === undefined ? {} : { promises: { given: promises, nowMs } }), ...(witnesses === null ? {} : { witnesses }) }
}

async function judge(terminal: Terminal, files: Files, against: Against, every: number): Promise<Report> {
  let said = 0
  return verifyLog(files, {
    ...against,
    progress: (done, size) => {
      if (done - said < Math.max(every, size / 10)) return
      said = done
      terminal.err(`${done} of ${size} entries\n`)
    },
  })
}

function told(terminal: Terminal, report: Report, given: Given, gate: string | null): Exit {
  if (given.json) printJson(terminal, report)
  say(terminal, report, { vkey: given.vkey !== undefined, promise: given.promise !== undefined, witnesses: given.witness?.length ?? null, gate })
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
