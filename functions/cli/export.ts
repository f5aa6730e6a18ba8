import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { openCheckpoint, parseCheckpoint } from '../record/log/checkpoint.ts'
import { FormatError } from '../record/log/format.ts'
import { formatVkey, parseNote, parseVkey, type Key } from '../record/log/note.ts'
import { follow, readSuccessions } from '../record/log/succession.ts'
import { tilePath, tileWidth, widthIn, type Tile } from '../record/log/tile.ts'
import { contentPath } from '../record/verify/contents.ts'
import type { Client, Reply } from './client.ts'
import { object, refused } from './output.ts'
import { exit, Stop, type Exit, type Terminal } from './terminal.ts'

const abreast = 4

/**
 * `sluice audit export --log DIR`: `checkpoint`, `vkey` and `tile/…` as c2sp.org/tlog-tiles lays them out. Goes on where the last export of this log ended: full tiles never change. The
 * checkpoint is written last, so what lies in the directory is at every moment a whole log, the old one or the new. Whether it is true is for `sluice audit verify` to say.
 */
export async function exportLog(terminal: Terminal, gate: Client, directory: string, withContent: boolean): Promise<Exit> {
  const [vkey, keys, note] = [await gate.bytes('/v1/audit/log/vkey'), await gate.bytes('/v1/audit/log/keys'), await gate.bytes('/v1/audit/log/checkpoint')]
  if (!vkey.ok) return refused(terminal, vkey.reply, false)
  if (!keys.ok) return refused(terminal, keys.reply, false)
  if (!note.ok) return refused(terminal, note.reply, false)
  const size = sizeOf(vkey.bytes, note.bytes)
  await make(directory)
  const kept = await there(join(directory, 'vkey'))
  if (kept !== null && !follows(kept, vkey.bytes, keys.bytes)) throw new Stop(exit.invalid, `\`${directory}\` holds the log of another key; export into a directory of its own`)
  const had = await there(join(directory, 'checkpoint'))
  if (had !== null && sizeAlone(had) > size) throw new Stop(exit.failed, `\`${directory}\` holds a longer log than the gate has: what was there is missing now; keep this directory, it is the proof`)
  await write(join(directory, 'vkey'), vkey.bytes)
  await write(join(directory, 'keys'), keys.bytes)
  const tiles = tilesOf(size)
  let fetched = 0
  const next = tiles.values()
  const answers = await Promise.all(Array.from({ length: abreast }, async () => {
    for (const tile of next) {
      const path = tilePath(tile)
      if (existsSync(join(directory, path))) continue
      const answer = await gate.bytes(`/v1/audit/log/${path}`)
      if (!answer.ok && isPruned(answer.reply)) continue              // the log says so itself; verify asks it
      if (!answer.ok) return answer.reply
      await write(join(directory, path), answer.bytes)
      fetched++
    }
    return null
  }))
  const refusal = answers.find((reply) => reply !== null)
  if (refusal) return refused(terminal, refusal, false)
  if (withContent) {
    const reply = await exportContent(gate, directory, tiles.filter(({ level }) => level === 'entries'))
    if (reply !== null) return refused(terminal, reply, false)
  } else if (existsSync(join(directory, 'content'))) {
    await rm(join(directory, 'content'), { recursive: true })        // of an earlier tree, and perhaps erased since
    terminal.err(`the content that an earlier export left in \`${directory}\` is removed; --content exports it as it is now\n`)
  }
  await write(join(directory, 'checkpoint'), note.bytes)
  await tidy(directory, new Set(tiles.map(tilePath)))
  terminal.err(`${size} ${size === 1 ? 'entry' : 'entries'} in \`${directory}\`, ${fetched} of ${tiles.length} tiles new\n`)
  return exit.done
}

/**
 * The content of every entry that can still be opened, as `content/…` beside `tile/entries/…`. All of it anew each time, and what was there before is removed first: an export must not keep what was
 * erased since the one before. null: done; else the gate's refusal.
 */
async function exportContent(gate: Client, directory: string, bundles: readonly Tile[]): Promise<Reply | null> {
  await rm(join(directory, 'content'), { recursive: true, force: true })
  for (const bundle of bundles) {
    let text: string | null = ''
    for (let from: number | null = 0; from !== null;) {
      const answer = await gate.bytes(`/v1/audit/log/${contentPath(bundle)}${from === 0 ? '' : `?from=${from}`}`)
      if (!answer.ok && isPruned(answer.reply)) { text = null; break }
      if (!answer.ok) return answer.reply
      const part = Buffer.from(answer.bytes).toString('utf8')
      const last = /(?:^|\n)\{"next":(\d+)\}\n$/.exec(part)
      text += last ? part.slice(0, last.index === 0 ? 0 : last.index + 1) : part
      from = last ? Number(last[1]) : null
    }
    if (text !== null) await write(join(directory, contentPath(bundle)), Buffer.from(text))
  }
  return null
}

const isPruned = ({ status, body }: Reply): boolean => status === 404 && object(body)['reason'] === 'pruned'

function tilesOf(size: number): readonly Tile[] {
  const tiles: Tile[] = []
  for (let level = 0, count = size; count > 0; level++, count = Math.floor(count / tileWidth)) {
    for (let index = 0; index * tileWidth < count; index++) {
      tiles.push({ level, index, width: widthIn(size, level, index) })
      if (level === 0) tiles.push({ level: 'entries', index, width: widthIn(size, 'entries', index) })
    }
  }
  return tiles
}

const keysOf = (vkey: Uint8Array): readonly Key[] => Buffer.from(vkey).toString('utf8').trim().split('\n').map(parseVkey)
/** The same key, or one that followed it. */
function follows(kept: Uint8Array, vkey: Uint8Array, successions: Uint8Array): boolean {
  try {
    const known = follow(keysOf(kept), readSuccessions(successions)).map(formatVkey)
    return keysOf(vkey).some((key) => known.includes(formatVkey(key)))
  } catch (error) {
    if (error instanceof FormatError) return false
    throw error
  }
}
function sizeOf(vkey: Uint8Array, note: Uint8Array): number {
  try {
    return openCheckpoint(note, keysOf(vkey)).checkpoint.size
  } catch (error) {
    if (error instanceof FormatError) throw new Stop(exit.failed, `the gate's checkpoint is not one: ${error.message}`)
    throw error
  }
}
function sizeAlone(note: Uint8Array): number {
  try {
    return parseCheckpoint(parseNote(note).text).size
  } catch {
    throw new Stop(exit.invalid, 'the `checkpoint` in that directory is damaged; export into another one')
  }
}

async function there(path: string): Promise<Uint8Array | null> {
  try {
    return await readFile(path)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw new Stop(exit.failed, `\`${path}\` cannot be read`)
  }
}

/** With those above it, each by itself: Node's own way never ends where nothing can be made and it is said that something above is missing (`/proc/x`). */
async function make(directory: string): Promise<void> {
  const at = resolve(directory)
  const failed = await mkdir(at).then(() => null, (error: NodeJS.ErrnoException) => error)
  if (failed === null || failed.code === 'EEXIST') return
  if (failed.code !== 'ENOENT' || existsSync(dirname(at))) throw new Stop(exit.failed, `\`${directory}\` cannot be written (${failed.code ?? 'unknown'})`)
  await make(dirname(at))
  await make(at)
}

/** Whole or not at all: an export that was interrupted goes on, and takes no half tile for a whole one. */
async function write(path: string, bytes: Uint8Array): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true })
    await writeFile(`${path}.new`, bytes, { mode: 0o600 })
    await rename(`${path}.new`, path)
  } catch (error) {
    throw new Stop(exit.failed, `\`${path}\` cannot be written (${error instanceof Error && 'code' in error ? String(error.code) : 'unknown'})`)
  }
}

/** Partial tiles of the log as it was at an earlier export, which the present ones hold. */
async function tidy(directory: string, wanted: ReadonlySet<string>): Promise<void> {
  for (const path of await readdir(join(directory, 'tile'), { recursive: true })) {
    const name = `tile/${path.replaceAll('\\', '/')}`
    if (!/\.p\/\d+$/.test(name) || wanted.has(name) || !(await stat(join(directory, name))).isFile()) continue
    await rm(join(directory, name))
    const folder = dirname(join(directory, name))
    if ((await readdir(folder)).length === 0) await rm(folder, { recursive: true })
  }
}
