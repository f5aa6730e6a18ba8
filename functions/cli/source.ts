import { lstat, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ReadTile } from '../record/log/prove.ts'
import { tilePath, tileWidth } from '../record/log/tile.ts'
import { hashBytes } from '../record/log/tree.ts'
import type { Client } from './client.ts'
import { refused } from './output.ts'
import { exit, Stop, type Exit, type Terminal } from './terminal.ts'

/** Where a log is read from, as c2sp.org/tlog-tiles lays it out. Throws Away for what is not there now. */
export interface Source { checkpoint(): Promise<Uint8Array>; /** How one key of the log followed another (record/log/succession.ts); null: it does not say. */ keys(): Promise<Uint8Array | null>; readonly tile: ReadTile }

/** The log cannot be read, which shows nothing about it. */
export class Away extends Error {
  readonly code: Exit
  constructor(message: string, code: Exit = exit.failed) {
    super(message)
    this.name = 'Away'
    this.code = code
  }
}

export function fromGate(gate: Client, terminal: Terminal): Source {
  async function get(path: string): Promise<Uint8Array> {
    const answer = await gate.bytes(`/v1/audit/log/${path}`).catch((error: unknown) => { throw error instanceof Stop ? new Away(error.message, error.code) : error })
    if (answer.ok) return answer.bytes
    const code = refused(terminal, answer.reply, false)
    throw new Away(`the gate does not give \`${path}\``, code === exit.invalid ? exit.failed : code)
  }
  return { checkpoint: () => get('checkpoint'), keys: () => get('keys'), tile: (tile) => get(tilePath(tile)) }
}

const maxCheckpointBytes = 256 * 1024
export function fromDirectory(directory: string): Source {
  /** null: not there. A link or a device may hold anything, without end. */
  async function read(path: string, most: number): Promise<Uint8Array | null> {
    try {
      const file = await lstat(join(directory, path))
      if (!file.isFile() || file.size > most) throw new Away(`\`${path}\` is not a plain file, or too large`)
      return await readFile(join(directory, path))
    } catch (error) {
      if (error instanceof Away) throw error
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOENT' || code === 'ENOTDIR') return null
      throw new Away(`\`${path}\` cannot be read (${code ?? 'unknown'})`)
    }
  }
  const there = (path: string, bytes: Uint8Array | null): Uint8Array => { if (bytes === null) throw new Away(`\`${path}\` is missing`); return bytes }
  return {
    checkpoint: async () => there('checkpoint', await read('checkpoint', maxCheckpointBytes)),
    keys: () => read('keys', maxCheckpointBytes),
    /** A partial tile may be gone because the full one came, of which it is the beginning. */
    tile: async (tile) => there(tilePath(tile), await read(tilePath(tile), tileWidth * hashBytes) ?? (tile.width === tileWidth ? null : await read(tilePath({ ...tile, width: tileWidth }), tileWidth * hashBytes))),
  }
}
