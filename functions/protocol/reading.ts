import type { ConnectionDocument } from '../../schema/policy.ts'

/**
 * What is known of each connection's target under one reading of its document: its catalog, and what follows from it. Read when it is first asked for, and anew where what the document says of it has changed. A plan is compared
 * with the target before it runs, so a reading may be old; whoever finds that it is (`stale`) has it forgotten.
 */
export interface Readings<R> {
  /** As it is. `fresh`: it is so new that a name which is missing in it is missing. */
  current(connection: ConnectionDocument): Promise<{ readonly known: R; readonly fresh: boolean }>
  /** Read again when it was read longer ago; 0 reads it now. */
  within(connection: ConnectionDocument, maxAgeMs: number): Promise<R>
  /** Drops what is known of a connection's target: it changed under a plan. */
  forget(connection: string): void
}
interface Reading<R> { readonly key: string; readonly readAt: number; readonly known: R }

/**
 * A name that is missing may be newer than a catalog of this age. It is read again only once the name was decided on (`execute` says `stale`): read here, the time it takes would tell anybody whether a table is there.
 */
const freshMs = 1000

/** `load`: throws when the target cannot be reached; then nothing is kept, and the next one tries again. */
export function createReadings<R>(load: (connection: ConnectionDocument) => Promise<R>, now: () => number): Readings<R> {
  const readings = new Map<string, Promise<Reading<R>>>()
  const keys = new WeakMap<ConnectionDocument, string>()

  async function read(connection: ConnectionDocument, key: string): Promise<Reading<R>> {
    const readAt = now()                                             // before it is read: a slow target's catalog is as it was then, or newer
    return { key, readAt, known: await load(connection) }
  }
  function renew(connection: ConnectionDocument, key: string): Promise<Reading<R>> {
    const reading = read(connection, key)
    readings.set(connection.name, reading)
    reading.catch(() => { if (readings.get(connection.name) === reading) readings.delete(connection.name) })
    return reading
  }
  async function reading(connection: ConnectionDocument): Promise<Reading<R>> {
    const key = keyOf(connection)
    for (;;) {                                                       // all who wait while a document is replaced take the one reading that follows
      const there = readings.get(connection.name)
      if (there === undefined) return renew(connection, key)
      const held = await there
      if (held.key === key) return held
      if (readings.get(connection.name) === there) return renew(connection, key)
    }
  }
  /** All of a document that a reading rests on. */
  function keyOf(connection: ConnectionDocument): string {
    const there = keys.get(connection)
    if (there !== undefined) return there
    const { classify, searchPath, mask, secret, secrets, known } = connection
    const key = JSON.stringify([classify, searchPath, mask, secret, secrets, known])
    keys.set(connection, key)
    return key
  }
  return {
    async current(connection) {
      const oldest = now() - freshMs
      const { readAt, known } = await reading(connection)
      return { known, fresh: readAt >= oldest }
    },
    async within(connection, maxAgeMs) {
      const oldest = now() - maxAgeMs
      const { key, readAt, known } = await reading(connection)
      return readAt >= oldest ? known : (await renew(connection, key)).known
    },
    forget: (connection) => { readings.delete(connection) },
  }
}
