import { hash } from 'node:crypto'
import { readFile, realpath } from 'node:fs/promises'
import { basename, dirname, join, resolve, sep } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseCheckpoint, type Checkpoint } from '../record/log/checkpoint.ts'
import { FormatError } from '../record/log/format.ts'
import { formatNote, formatVkey, parseNote, parseVkey, signedBy, type Key, type Note } from '../record/log/note.ts'
import { follow, readSuccessions } from '../record/log/succession.ts'
import { cosigned, openOwn, sightOf } from '../record/witness.ts'
import { parse, type World } from './command.ts'
import { checkName, makeCosigner, readCosigner } from './cosigner.ts'
import { hold, writeWhole } from './hold.ts'
import { printJson } from './output.ts'
import { Away, fromDirectory, fromGate, type Source } from './source.ts'
import { exit, Stop, type Exit, type Terminal } from './terminal.ts'
import { visible, visibleLines } from './visible.ts'

const usage = 'sluice audit witness [--url GATE | --log DIR] --vkey KEY --state FILE --key FILE [--name NAME] [--out FILE] [--once | --every 1m] [--trust-anew]'
const options = {
  url: { type: 'string' }, log: { type: 'string' }, vkey: { type: 'string', multiple: true }, state: { type: 'string' }, key: { type: 'string' }, name: { type: 'string' }, out: { type: 'string' },
  once: { type: 'boolean' }, every: { type: 'string' }, 'trust-anew': { type: 'boolean' }, json: { type: 'boolean' },
} as const

/** One witness of one log: whose it is, where it remembers, signs and tells. */
interface Post { readonly keys: readonly Key[]; readonly state: string; readonly key: string; readonly name: string | undefined; readonly out: string | null; readonly anew: boolean; readonly json: boolean }
interface Kept { readonly checkpoint: Checkpoint; readonly note: Note }

/**
 * `sluice audit witness`: remembers the newest checkpoint of a log that it accepted, accepts another only where the log shows that it continues that one, and signs what it accepted. Exit 1,
 * and nothing signed, for anything else. c2sp.org/tlog-cosignature; consistency by RFC 6962, section 2.1.2.
 */
export async function witness(args: readonly string[], world: World): Promise<Exit> {
  const { values } = parse(args, options, [0, 0], usage)
  const { url, log, every, once, name } = values
  if (values.state === undefined || values.key === undefined || values.vkey === undefined) throw new Stop(exit.invalid, `--vkey, --state and --key are needed; a key fetched with the log would prove nothing\nusage: ${usage}`)
  if (url !== undefined && log !== undefined) throw new Stop(exit.invalid, 'a log is witnessed at a gate (--url) or in a directory (--log), not both')
  if (every !== undefined && (once || values['trust-anew'])) throw new Stop(exit.invalid, '--every goes neither with --once nor with --trust-anew, which is said once')
  const pause = every === undefined ? null : pauseOf(every)
  const post: Post = {
    keys: keysOf(values.vkey), state: await placeOf(values.state), key: await placeOf(values.key), name: name === undefined ? undefined : checkName(name),
    out: values.out === undefined ? null : await placeOf(values.out), anew: values['trust-anew'] === true, json: values.json === true,
  }
  await apart(post, log)
  const source = async () => log === undefined ? fromGate(await world.gate(url), world.terminal) : fromDirectory(log)
  const letGo = hold(post.state)
  try {
    for (let round = 0; ; round++) {
      const failed = await look(post, source, world.terminal)
      // Who sees no log at once has named a wrong one. Later it may be away for a while; what contradicts itself is thrown, and ends this for a person to look at.
      if (pause === null || round === 0 && failed !== null) return failed ?? exit.done
      await sleep(pause)
    }
  } finally {
    letGo()
  }
}

/** One look. null: accepted and signed. A code: the log could not be seen, or did not show enough, and nothing has changed. Throws Stop for all that must not be passed over. */
async function look(post: Post, source: () => Promise<Source>, terminal: Terminal): Promise<Exit | null> {
  const known = await keysKnown(post)
  const [kept, had] = [await remembered({ ...post, keys: known.keys }), await readCosigner(post.key, post.name)]
  // Who signed what was accepted last: a key that was given up before that is not heard any more.
  let keys = kept === null ? known.keys : signedBy(kept.note, known.keys)
  let followed: readonly string[] | null = null
  if (kept === null && had !== null && !post.anew) throw new Stop(exit.failed, `\`${post.state}\` is missing, and \`${post.key}\` is there: this witness may have signed before, and what it remembered is gone. Put it back; --trust-anew begins from what the log shows now`)
  let [sight, now, bytes]: [Awaited<ReturnType<typeof sightOf>>, Kept | null, Uint8Array] = ['unproven', null, Buffer.alloc(0)]
  try {
    const log = await source()
    bytes = await log.checkpoint()
    const { text } = parseNote(bytes)
    if (signedBy(parseNote(bytes), keys).length === 0 && parseCheckpoint(text).origin === keys[0]?.name) {
      followed = [...known.notes, ...notesIn(await log.keys())]
      keys = follow(keys, readSuccessions(documentOf(followed)))
    }
    now = openOwn(bytes, keys)
    sight = await sightOf(kept?.checkpoint ?? null, now.checkpoint, log.tile)
  } catch (error) {
    if (!(error instanceof FormatError || error instanceof Away)) throw error
    terminal.err(`${visibleLines(`nothing was accepted: ${error.message}`)}\n`)
    return error instanceof Away ? error.code : exit.failed
  }
  if (sight === 'rollback' || sight === 'fork') throw await refusal(sight, kept?.checkpoint ?? null, now.checkpoint, bytes, post.state)
  if (sight === 'unproven') {
    terminal.err(`nothing was accepted: the tiles do not lead to the signed root of ${now.checkpoint.size} entries; they are damaged, or the log hides something\n`)
    return exit.failed
  }
  // Remembered before anything is signed: after a crash here nobody has a signature over a tree that is forgotten. A new key comes after it too, so a key without a memory is never a crash's doing.
  if (followed !== null) await writeWhole(`${post.state}.keys`, documentOf(followed), 'over')   // before what is signed by a key that only these vouch for
  if (sight !== 'same' || followed !== null) await writeWhole(post.state, formatNote(now.note), 'over')
  const cosigner = had ?? await makeCosigner(post.key, post.name ?? 'sluice-witness')
  const note = await cosigned(now.note, cosigner, Math.floor(Date.now() / 1000))
  openOwn(note, [...keys, cosigner.key])                     // as whoever reads it will
  // A crash before this leaves the signature of an older tree, which is still true; the next look signs the remembered one.
  if (post.out !== null) await writeWhole(post.out, note, 'over')
  const { origin, size } = now.checkpoint
  const root = Buffer.from(now.checkpoint.root).toString('base64')
  if (followed !== null) terminal.err(`the log has another key now, which the one before it named: ${keys.map((key) => visible(formatVkey(key))).join(' ')}\n`)
  if (post.json) printJson(terminal, { sight, origin, size, root, vkey: cosigner.vkey, note: note.toString() })
  else if (post.out === null) terminal.out(visibleLines(note.toString()))
  terminal.err(`${visible(`${origin}: ${size} ${size === 1 ? 'entry' : 'entries'}, ${words[sight]}`)}\n${had === null ? 'a new witness; its key is ' : 'cosigned by '}${visible(cosigner.vkey)}\n`)
  return null
}
const words = { first: 'seen for the first time: nothing before it was checked', same: 'nothing new', grown: 'which begin with those that were kept' } as const

/** The log's keys as they were told, and those that followed them by statements that were seen before. A file that is damaged vouches for nobody. */
async function keysKnown({ state, keys }: Post): Promise<{ readonly keys: readonly Key[]; readonly notes: readonly string[] }> {
  const notes = notesIn(await readFile(`${state}.keys`).catch(() => null))
  return { keys: follow(keys, readSuccessions(documentOf(notes))), notes }
}
function notesIn(document: Uint8Array | null): readonly string[] {
  try {
    const { keys } = JSON.parse(Buffer.from(document ?? '{}').toString('utf8')) as { readonly keys?: unknown }
    return Array.isArray(keys) ? keys.filter((note) => typeof note === 'string').slice(0, 500) : []
  } catch {
    return []
  }
}
const documentOf = (notes: readonly string[]): Buffer => Buffer.from(JSON.stringify({ keys: [...new Set(notes)].slice(0, 500) }))

/** The checkpoint that was accepted last; null: none yet. A damaged one is no reason to begin anew, or whoever damages it decides what is forgotten. */
async function remembered({ state, keys, anew }: Post): Promise<Kept | null> {
  const bytes = await readFile(state).catch((error: NodeJS.ErrnoException) => { if (error.code === 'ENOENT') return null; throw new Stop(exit.failed, `\`${state}\` cannot be read (${error.code ?? 'unknown'})`) })
  if (bytes === null) return null
  try {
    const kept = openOwn(bytes, keys)
    if (!anew) return kept
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    if (!anew) throw new Stop(exit.failed, `\`${state}\` is damaged, or of another log (${error.message}). Put it back; --trust-anew keeps it aside and begins from what the log shows now`)
    await writeWhole(`${state}.before-${hash('sha256', bytes).slice(0, 16)}`, bytes, 'over')
    return null
  }
  throw new Stop(exit.invalid, `\`${state}\` is whole, so --trust-anew would only make it forget; move it away yourself if that is meant`)
}

/** The log signed both: what was shown now lies beside what was kept, and the two are the proof. Named by content, so that another look adds nothing and overwrites nothing. */
async function refusal(sight: 'rollback' | 'fork', kept: Checkpoint | null, now: Checkpoint, bytes: Uint8Array, state: string): Promise<Stop> {
  const evidence = `${state}.refused-${now.size}-${hash('sha256', bytes).slice(0, 16)}`
  const failed = await writeWhole(evidence, bytes, 'over').then(() => null, (error: unknown) => error instanceof Stop ? error.message : 'it could not be written')
  const what = sight === 'rollback' ? `ROLLBACK: the log shows ${now.size} entries, and had ${kept?.size}` : `FORK: the log of ${now.size} entries does not begin with the ${kept?.size} that were kept`
  return new Stop(exit.failed, `${what}\nnothing was signed; \`${state}\` is as it was, and ${failed === null ? `what was shown now is in \`${evidence}\`: keep both, they are the proof` : `what was shown now was not kept: ${failed}`}`)
}

function keysOf(texts: readonly string[]): readonly Key[] {
  try {
    const keys = texts.map(parseVkey)
    if (keys.some(({ name, type }) => name !== keys[0]?.name || type !== 'ed25519')) throw new FormatError('all must be keys of one log')
    return keys
  } catch (error) {
    throw new Stop(exit.invalid, `--vkey: ${error instanceof FormatError ? error.message : 'cannot be read'}`)
  }
}

function pauseOf(text: string): number {
  const [, count, unit] = /^([1-9]\d{0,4})(s|m|h)$/.exec(text) ?? []
  const ms = Number(count) * (unit === 's' ? 1000 : unit === 'm' ? 60_000 : 3_600_000)
  if (count === undefined || ms > 86_400_000) throw new Stop(exit.invalid, `--every is a number and s, m or h, at most a day, not \`${text}\``)
  return ms
}

/** Through links, so that two names of one file are seen to be one. */
async function placeOf(path: string): Promise<string> {
  const whole = resolve(path)
  const folder = await realpath(dirname(whole)).catch(() => { throw new Stop(exit.invalid, `there is no directory for \`${path}\``) })
  return realpath(whole).catch(() => join(folder, basename(whole)))
}
/** A state that lies in the log would be written by whoever writes the log, and would always agree with it. */
async function apart({ state, key, out }: Post, log: string | undefined): Promise<void> {
  const files = [state, key, ...(out === null ? [] : [out])]
  if (new Set(files).size < files.length) throw new Stop(exit.invalid, '--state, --key and --out are files of their own')
  if (log === undefined) return
  const folder = await realpath(log).catch(() => { throw new Stop(exit.invalid, `there is no directory \`${log}\``) })
  if (files.some((file) => file.startsWith(`${folder}${sep}`))) throw new Stop(exit.invalid, `--state, --key and --out cannot lie in \`${log}\`: whoever writes the log would write the memory of it`)
}
