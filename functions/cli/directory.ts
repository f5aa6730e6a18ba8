import { lstatSync, readFileSync, type Stats } from 'node:fs'
import { opendir } from 'node:fs/promises'
import { join } from 'node:path'
import { FormatError } from '../record/log/format.ts'
import type { Files } from '../record/verify/verify.ts'

/** A log's files in a directory. Throws what the file system throws for other reasons than that there is none. */
export function filesOf(directory: string): Files {
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
/** Whether there is a log at all: an export's file, or the folder a copy of the bucket has. */
export const holdsLog = (directory: string): boolean => found(join(directory, 'checkpoint')) !== null || found(join(directory, 'checkpoints')) !== null

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
