import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type * as z from 'zod'
import { type Execution, executionShape, idOf, type Machine, machineShape, sha256 } from './execution.ts'

/** AWS keeps the name of a closed execution taken for so long. */
const keptMs = 90 * 24 * 3600_000

/**
 * One file an execution, replaced by rename: after kill -9 there is the old one or the new one, whole. What was written is with the kernel when `put`
 * returns, so it survives the process, though not a power cut (as the store beside it). Synchronous, so that no other change comes between judging and writing.
 */
export interface Journal {
  /** Of this directory, made once. */
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
}

/** Throws one line when a file cannot be read: nothing is guessed about what somebody approved. */
export function openJournal(directory: string, now: number): Journal {
  const place = (...parts: string[]) => join(directory, ...parts)
  for (const folder of ['machines', 'definitions', 'open', 'ended', 'new']) mkdirSync(place(folder), { recursive: true, mode: 0o700 })
  for (const name of readdirSync(place('new'))) rmSync(place('new', name), { force: true })           // a crash before the rename
  for (const name of readdirSync(place('ended'))) {
    rmSync(place('open', name), { force: true })                                                      // a crash between the two writes of an end
    if (now - statSync(place('ended', name)).mtimeMs > keptMs) rmSync(place('ended', name), { force: true })
  }
  function write(folder: string, name: string, text: string | Buffer): void {
    writeFileSync(place('new', name), text, { mode: 0o600 })
    renameSync(place('new', name), place(folder, name))
  }
  const all = <T>(folder: string, shape: z.ZodType<T>) => readdirSync(place(folder)).map((name) => read(place(folder, name), shape))
  return {
    key: keyOf(place('key'), () => write('.', 'key', randomBytes(32))),
    machines: () => all('machines', machineShape),
    putMachine: (machine) => write('machines', idOf(machine.arn), JSON.stringify(machine)),
    putDefinition(text) {
      const name = sha256(text)
      if (readdirSync(place('definitions')).includes(name)) return name
      write('definitions', name, text)
      return name
    },
    definition(name) {
      const text = readFileSync(place('definitions', name), 'utf8')
      if (sha256(text) !== name) throw new Error(`the state machine in \`${place('definitions', name)}\` is damaged`)
      return text
    },
    open: () => all('open', executionShape),
    ended: () => all('ended', executionShape),
    endedOf(id) {
      try {
        return read(place('ended', id), executionShape)
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
        throw error
      }
    },
    put(execution) {
      write(execution.status === 'RUNNING' ? 'open' : 'ended', execution.id, JSON.stringify(execution))
      if (execution.status !== 'RUNNING') rmSync(place('open', execution.id), { force: true })
    },
  }
}

function keyOf(path: string, make: () => void): Buffer {
  try {
    statSync(path)
  } catch {
    make()
  }
  const key = readFileSync(path)
  if (key.length !== 32) throw new Error(`the key in \`${path}\` is damaged`)
  return key
}

function read<T>(path: string, shape: z.ZodType<T>): T {
  const text = readFileSync(path, 'utf8')
  try {
    return shape.parse(JSON.parse(text))
  } catch (error) {
    throw new Error(`the state in \`${path}\` cannot be read`, { cause: error })
  }
}
