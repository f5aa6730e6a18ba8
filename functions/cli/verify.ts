import { lstatSync, readFileSync, type Stats } from 'node:fs'
import { opendir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { FormatError } from '../record/log/format.ts'
import { type Key, parseVkey } from '../record/log/note.ts'
import { type Files, type Report, verifyLog } from '../record/verify/verify.ts'
import type { Finding } from '../record/verify/finding.ts'
import { printJson } from './output.ts'
import { exit, Stop, type Exit, type Terminal } from './terminal.ts'
import { visible } from './visible.ts'

/** `sluice audit verify DIR`: from the files alone, without a gate, a token or a network. */
export async function verify(terminal: Terminal, directory: string, given: { readonly vkey?: readonly string[]; readonly checkpoint?: readonly string[]; readonly json?: boolean }): Promise<Exit> {
  const kept = await Promise.all((given.checkpoint ?? []).map((path) => readFile(path).catch(() => { throw new Stop(exit.invalid, `\`${path}\` cannot be read`) })))
  if (!found(join(directory, 'checkpoint'))) throw new Stop(exit.invalid, `there is no log in \`${directory}\`: it has no file \`checkpoint\``)
  let told = 0
  const report = await verifyLog(filesOf(directory), {
    keys: given.vkey?.map(keyOf) ?? null, kept,
    progress: (done, size) => {
      if (done - told < Math.max(200_000, size / 10)) return
      told = done
      terminal.err(`${done} of ${size} entries\n`)
    },
  })
  if (given.json) printJson(terminal, report)
  say(terminal, report, given.vkey === undefined)
  return report.ok ? exit.done : exit.failed
}

function keyOf(text: string): Key {
  try {
    return parseVkey(text)
  } catch (error) {
    throw new Stop(exit.invalid, `--vkey: ${error instanceof FormatError ? error.message : 'cannot be read'}`)
  }
}

function say(terminal: Terminal, { ok, origin, size, root, counts, findings, more }: Report, ownKey: boolean): void {
  for (const finding of findings) terminal.err(`${visible(lineOf(finding))}\n`)
  if (more > 0) terminal.err(`and ${more} more\n`)
  if (origin !== null) terminal.err(`${visible(origin)}: ${size} ${size === 1 ? 'entry' : 'entries'}, root ${root}\n`)
  const parts = [
    `${counts.intents} intents`, `${counts.outcomes} outcomes`, `${counts.refusals} refusals`, `${counts.requests} access requests`, `${counts.approvals} approvals`,
    ...(counts.unsettled > 0 ? [`${counts.unsettled} intents without an outcome yet`] : []), ...(counts.digests > 0 ? [`${counts.digests} entries by digest alone`] : []),
    ...(counts.unjudged > 0 ? [`${counts.unjudged} executions whose approval lies here by digest alone and was not judged`] : []),
  ]
  if (counts.entries > 0) terminal.err(`${parts.join(', ')}\n`)
  if (ownKey && origin !== null) terminal.err('the key is the one that lies beside the log, so this does not show whose log it is: give the one you were told as --vkey\n')
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
    list: () => below(directory, 'tile'),
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
