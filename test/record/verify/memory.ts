import { FormatError } from '../../../functions/record/log/format.ts'
import { parseVkey } from '../../../functions/record/log/note.ts'
import { append, emptyLog, type LogEdge } from '../../../functions/record/log/grow.ts'
import { type Files, type Options, type Report, verifyLog } from '../../../functions/record/verify/verify.ts'
import { headNote, origin, signerOf, type TestSigner } from '../log/sample.ts'

/** A log's files in memory: what the verifier reads in a directory, and a test may change. */
export type Log = Map<string, Buffer>
export const signer = signerOf(origin, 'the log')
export const key = parseVkey(signer.vkey)

/** Checkpoints of each of `sizes`, and the log as it was left at the last one. */
export async function logOf(entries: readonly Uint8Array[], sizes: readonly number[] = [entries.length], by: TestSigner = signer): Promise<{ readonly log: Log; readonly checkpoints: readonly Buffer[] }> {
  const log: Log = new Map([['vkey', Buffer.from(`${by.vkey}\n`)]])
  const checkpoints: Buffer[] = []
  let edge: LogEdge = emptyLog
  for (const size of sizes) {
    const grown = append(edge, entries.slice(edge.edge.size, size))
    for (const { path, bytes } of grown.tiles) log.set(path, Buffer.from(bytes))
    checkpoints.push(await headNote(size, grown.root, by))
    edge = grown.log
  }
  log.set('checkpoint', checkpoints.at(-1) ?? Buffer.of())
  return { log, checkpoints }
}
export const filesOf = (log: Log): Files => ({
  read: async (path, most) => {
    if ((log.get(path)?.length ?? 0) > most) throw new FormatError('it is too large')
    return log.get(path) ?? null
  },
  list: async function* (folder) { for (const path of log.keys()) if (path.startsWith(folder)) yield path },
})
export const check = (log: Log, { known = false, kept = [], ...more }: { readonly known?: boolean; readonly kept?: readonly Uint8Array[] } & Pick<Options, 'promises' | 'witnesses'> = {}): Promise<Report> =>
  verifyLog(filesOf(log), { keys: known ? [key] : null, kept, ...more })
