import { randomBytes } from 'node:crypto'
import { chmodSync } from 'node:fs'
import { link, open, rename, rm } from 'node:fs/promises'
import { DatabaseSync } from 'node:sqlite'
import { dirname } from 'node:path'
import { exit, Stop } from './terminal.ts'

/**
 * Holds `path` for this process by the kernel's own lock on a file beside it, through SQLite: whoever dies has let go. Two that wrote one memory could each put back what the other had
 * gone past. Gives what lets go; throws Stop while another has it.
 */
export function hold(path: string): () => void {
  let database: DatabaseSync | null = null
  try {
    database = new DatabaseSync(`${path}.lock`)
    database.exec('PRAGMA busy_timeout = 0; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
    chmodSync(`${path}.lock`, 0o600)                              // who may read it may lock it
  } catch (error) {
    database?.close()
    if ((error as { errcode?: unknown }).errcode === 5) throw new Stop(exit.failed, `another \`sluice audit witness\` has \`${path}\``)   // 5: SQLITE_BUSY
    throw new Stop(exit.failed, `\`${path}.lock\` cannot be taken`)
  }
  const held = database
  return () => { held.close() }
}

/**
 * A file whole or not at all, 0600, and there after a power cut once this has returned: its bytes are synced before it has the name, and the name before anything that rests on it. `new`:
 * never over another. Throws Stop.
 */
export async function writeWhole(path: string, bytes: Uint8Array, how: 'new' | 'over'): Promise<void> {
  const beside = `${path}.${randomBytes(6).toString('hex')}`
  try {
    const file = await open(beside, 'wx', 0o600)
    try {
      await file.writeFile(bytes)
      await file.sync()
    } finally {
      await file.close()
    }
    await (how === 'new' ? link(beside, path) : rename(beside, path))
    const folder = await open(dirname(path), 'r')
    await folder.sync().finally(() => folder.close())
  } catch (error) {
    throw new Stop(exit.failed, `\`${path}\` cannot be written (${error instanceof Error && 'code' in error ? String(error.code) : 'unknown'})`)
  } finally {
    await rm(beside, { force: true }).catch(() => {})
  }
}
