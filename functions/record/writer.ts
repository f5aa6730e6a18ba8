import { generateKeyPairSync, sign } from 'node:crypto'
import type { Event, Id, NoticeEvent, Writer } from '../../schema/event.ts'

/** One process as a writer of the record: its key, and which of its numbers are given and not known to be stored. The private key is in this object alone and dies with the process. */
export interface Writing {
  readonly id: Id<'evt'>
  /** The event that must be stored before any other of this process: under the log's checkpoint over it, it certifies the key. */
  readonly first: NoticeEvent
  /** The next number, for an event that is about to be stored. */
  take(): Writer
  /** This number is stored now, and no later event lists it. */
  settle(n: number): void
  /** Ed25519, 64 bytes. */
  sign(message: Uint8Array): Buffer
}

/** A writer of its own: a process that is frozen and thawed goes on with it, two never share one. `id`: of its first event. */
export function createWriting(id: Id<'evt'>, at: string): Writing {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const open = new Set<number>()
  let last = 1
  return {
    id,
    first: {
      id, at, evaluation: `eval_${id.slice(4)}`, session: null, who: null, connection: null, policy: null, kind: 'writer',
      change: { key: publicKey.export({ format: 'jwk' }).x }, writer: { id, n: 1 },
    },
    take() {
      const n = ++last
      const writer = open.size === 0 ? { id, n } : { id, n, open: [...open] }         // a Set keeps the order they were given in, and that is ascending
      open.add(n)
      return writer
    },
    settle: (n) => { open.delete(n) },
    sign: (message) => sign(null, message, privateKey),
  }
}

/** What stands where an event was not stored: nobody can say later that something else was there. Under the event's own id, so that the event cannot come any more; or under another, where that id is taken. */
export const voidOf = (event: Event & { readonly writer: Writer }, id: Id<'evt'>): NoticeEvent & { readonly writer: Writer } => ({
  id, at: event.at, evaluation: event.evaluation, session: event.session, who: event.who, connection: event.connection, policy: event.policy, kind: 'void', writer: event.writer,
  change: { kind: event.kind === 'void' ? event.change['kind'] : event.kind, id: event.kind === 'void' ? event.change['id'] : event.id },
})
