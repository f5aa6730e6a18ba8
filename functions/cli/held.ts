import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { parseCheckpoint } from '../record/log/checkpoint.ts'
import { parseNote } from '../record/log/note.ts'
import { heldIn } from '../record/export/held.ts'
import { headPath } from '../record/verify/published.ts'
import type { Files } from '../record/verify/verify.ts'
import { exit, Stop, type Exit, type Terminal } from './terminal.ts'
import { visible } from './visible.ts'

const most = 100

/** `sluice audit verify DIR --events FILE`: whether an ndjson export holds the events of this log and no others. After the log itself was verified. */
export async function held(terminal: Terminal, files: Files, path: string): Promise<Exit> {
  const note = await files.read(await headPath(files, 256 * 1024), 256 * 1024)
  const input = createReadStream(path)
  const lines = createInterface({ input, crlfDelay: Infinity })
  const opened = new Promise<void>((done, fail) => input.once('open', () => done()).once('error', () => fail(new Stop(exit.invalid, `\`${path}\` cannot be read`))))
  await opened
  const { events, altered, absent, damaged } = await heldIn(files, parseCheckpoint(parseNote(note ?? Buffer.alloc(0)).text).size, lines)
  const say = (ids: readonly string[], words: string) => {
    for (const id of ids.slice(0, most)) terminal.err(`${visible(id)}: ${words}\n`)
    if (ids.length > most) terminal.err(`and ${ids.length - most} more\n`)
  }
  say(damaged, 'no event of an ndjson export, or one that stands there twice')
  say(altered, 'the log has another event under this id')
  say(absent, 'not in this log; where it is newer than the log, export the log again')
  terminal.err(`${events} ${events === 1 ? 'event' : 'events'} of \`${visible(path)}\` compared with the log; content (statements, parameters, words, answers) is there as a commitment, which its key alone opens\n`)
  return altered.length + absent.length + damaged.length === 0 ? exit.done : exit.failed
}
