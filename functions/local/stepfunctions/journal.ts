import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type * as z from 'zod'
import { type Execution, executionShape, type Machine, machineShape, sha256 } from './execution.ts'

/** AWS keeps the name of a closed execution taken for so long. */
const keptMs = 90 * 24 * 3600_000

/**
 * Machines and executions in one SQLite file. A write is one row, with the kernel when it returns: it survives kill -9, and a power cut costs the last ones but
 * not the file. Synchronous, so that no other change comes between judging and writing.
 */
export interface Journal {
  /** Of this directory, made once; task tokens are signed with it. */
  readonly key: Buffer
  machines(): Machine[]
  putMachine(machine: Machine): void
  /** Gives the name it lies under. */
  putDefinition(text: string): string
  definition(name: string): string
  /** Those that run. */
  open(): Execution[]
  ended(): Execution[]
  endedOf(id: string): Execution | null
  put(execution: Execution): void
  close(): void
}

/** Throws when something in it cannot be read: nothing is guessed about what somebody approved. */
export function openJournal(directory: string, now: number): Journal {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const database = begin(join(directory, 'executions.db'), now)
  const putRow = database.prepare('INSERT INTO execution (id, stopped, document) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET stopped = excluded.stopped, document = excluded.document')
  const oneEnded = database.prepare('SELECT document FROM execution WHERE id = ? AND stopped IS NOT NULL')
  const putMachine = database.prepare('INSERT INTO machine (arn, document) VALUES (?, ?) ON CONFLICT (arn) DO UPDATE SET document = excluded.document')
  const putDefinition = database.prepare('INSERT INTO definition (name, text) VALUES (?, ?) ON CONFLICT (name) DO NOTHING')
  const read = <T>(row: unknown, shape: z.ZodType<T>): T => {
    try {
      return shape.parse(JSON.parse((row as { document: string }).document))
    } catch (cause) {
      throw new Error('an execution or a machine is damaged', { cause })
    }
  }
  const all = <T>(query: string, shape: z.ZodType<T>): T[] => database.prepare(query).all().map((row) => read(row, shape))
  return {
    key: keyOf(database),
    machines: () => all('SELECT document FROM machine', machineShape),
    putMachine: (machine) => { putMachine.run(machine.arn, JSON.stringify(machine)) },
    putDefinition(text) {
      const name = sha256(text)
      putDefinition.run(name, text)
      return name
    },
    definition(name) {
      const row = database.prepare('SELECT text FROM definition WHERE name = ?').get(name)
      const text = row?.['text']
      if (typeof text !== 'string' || sha256(text) !== name) throw new Error('the text of a machine is damaged')
      return text
    },
    open: () => all('SELECT document FROM execution WHERE stopped IS NULL', executionShape),
    ended: () => all('SELECT document FROM execution WHERE stopped IS NOT NULL', executionShape),
    endedOf(id) {
      const row = oneEnded.get(id)
      return row === undefined ? null : read(row, executionShape)
    },
    put: (execution) => { putRow.run(execution.id, execution.stoppedAt, JSON.stringify(execution)) },
    close: () => database.close(),
  }
}

function begin(path: string, now: number): DatabaseSync {
  const database = new DatabaseSync(path)
  try {
    database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -512;
      CREATE TABLE IF NOT EXISTS key (one INTEGER PRIMARY KEY CHECK (one = 1), bytes BLOB NOT NULL);
      CREATE TABLE IF NOT EXISTS machine (arn TEXT PRIMARY KEY, document TEXT NOT NULL) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS definition (name TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS execution (id TEXT PRIMARY KEY, stopped INTEGER, document TEXT NOT NULL);
      CREATE INDEX IF NOT EXISTS stopped ON execution (stopped);`)
    database.prepare('DELETE FROM execution WHERE stopped < ?').run(now - keptMs)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

function keyOf(database: DatabaseSync): Buffer {
  database.prepare('INSERT INTO key (one, bytes) VALUES (1, ?) ON CONFLICT (one) DO NOTHING').run(randomBytes(32))
  const bytes = database.prepare('SELECT bytes FROM key').get()?.['bytes']
  if (!(bytes instanceof Uint8Array) || bytes.length !== 32) throw new Error('the key is damaged')
  return Buffer.from(bytes)
}
