import { generateKeyPairSync, createPublicKey, sign } from 'node:crypto'
import type { Id } from '../../schema/event.ts'
import { Fault, type Head, type Lengthened, type Log, type LogRows, type Objects, type Signer } from '../../functions/ports.ts'
import { publishing } from '../../functions/publish.ts'

/** A log in memory, with the handles a test needs to break it. `fail`: called before and after each call; what it throws is thrown. */
export interface MemoryLog {
  readonly log: Log
  readonly objects: Map<string, Uint8Array>
  readonly places: Map<Id<'evt'>, number>
  readonly heads: Head[]
  /** What lies in rows and may be lost or put back. */
  readonly rows: { head: string | null; hint: number | null; lengthened: Lengthened | null }
  fail: (call: string, when: 'before' | 'after') => void | Promise<void>
}
export const name = 'sluice.test/log'

export function createSigner(): Signer {
  const { privateKey } = generateKeyPairSync('ed25519')
  const publicKey = new Uint8Array(Buffer.from(String(createPublicKey(privateKey).export({ format: 'jwk' }).x), 'base64url'))
  return { name, publicKey: async () => publicKey, sign: async (message) => new Uint8Array(sign(null, message, privateKey)) }
}

export function createMemoryLog(signer: Signer = createSigner()): MemoryLog {
  const objects = new Map<string, Uint8Array>()
  const places = new Map<Id<'evt'>, number>()
  const heads: Head[] = []
  const rows: MemoryLog['rows'] = { head: null, hint: null, lengthened: null }
  const memory: MemoryLog = { log: undefined as never, objects, places, heads, rows, fail: () => {} }
  const around = <A extends unknown[], R>(what: string, run: (...args: A) => R) => async (...args: A): Promise<Awaited<R>> => {
    await memory.fail(what, 'before')
    const result = await run(...args)
    await memory.fail(what, 'after')
    return result
  }
  const store: LogRows = {
    head: around('head', () => rows.head === null ? null : JSON.parse(rows.head) as Head),
    advance: around('advance', (next: Head, over: Head | null) => {
      const json = JSON.stringify(next)
      if (rows.head === json) return true
      if (rows.head !== (over === null ? null : JSON.stringify(over))) return false
      rows.head = json
      heads.push(next)
      return true
    }),
    where: around('where', (ids: readonly Id<'evt'>[]) => new Map(ids.flatMap((id) => { const index = places.get(id); return index === undefined ? [] : [[id, index] as const] }))),
    placed: around('placed', (entries: readonly { readonly id: Id<'evt'>; readonly index: number }[]) => {
      for (const { id, index } of entries) {
        if ((places.get(id) ?? index) !== index) throw new Fault('internal', 'an event has another index in the log')
        places.set(id, index)
      }
    }),
    hint: around('hint', (size: number) => { rows.hint = Math.max(rows.hint ?? 0, size) }),
    hinted: around('hinted', () => rows.hint),
    lengthened: around('lengthened', () => rows.lengthened),
    progress: around('progress', (next: Lengthened) => { rows.lengthened = next }),
  }
  const made: Objects = {
    create: around('create', (path: string, bytes: Uint8Array) => {
      const there = objects.get(path)
      if (there === undefined) { objects.set(path, Uint8Array.from(bytes)); return 'created' as const }
      if (Buffer.compare(there, bytes) !== 0) throw new Fault('internal', `other bytes are at \`${path}\``)
      return 'same' as const
    }),
    get: around('get', (path: string) => objects.get(path) ?? null),
    after: around('after', (folder: string, path: string, limit: number) => [...objects.keys()].filter((key) => key.startsWith(folder) && key > path).toSorted().slice(0, limit)),
    forget: around('forget', (path: string) => {
      if (!/^staging\/[^/]+$|^tile\/\w+\/[x\d/]+\.p\/$/.test(path)) throw new Fault('internal', `\`${path}\` is for ever`)
      for (const key of objects.keys()) if (key === path || (path.endsWith('/') && key.startsWith(path))) objects.delete(key)
    }),
    prune: around('prune', (path: string) => {
      if (!/^tile\/entries\/(?:x\d{3}\/){0,5}\d{3}$/.test(path)) throw new Fault('internal', `\`${path}\` is for ever`)
      for (const key of objects.keys()) if (key === path || key.startsWith(`${path}.p/`)) objects.delete(key)
    }),
  }
  return Object.assign(memory, { log: { signer, objects: made, store: publishing(made, store) } })
}
