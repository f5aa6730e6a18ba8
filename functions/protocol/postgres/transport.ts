import type * as Neon from './neon.ts'
import type { Transport } from './port.ts'

/** Where the driver's two protocols are answered: URL of `/sql`, and the `ws:` URL of `/v2`. */
export interface Endpoint { readonly http: string; readonly websocket: string }

/** Neon's two protocols as the target port. `endpointOf`: where they are answered for a connection string; null: where Neon answers them. */
export function createNeon(options: { readonly now: () => number; readonly endpointOf: (url: string) => Endpoint | null }): Transport {
  // A read is one HTTP request. The client of WebSockets is loaded with the first that is more than that, so that a cold read is not charged for it, and the driver with the first statement: whoever has another
  // transport wants none of it. A load that failed is tried again.
  let driver: Promise<typeof Neon> | null = null
  const requests = () => driver ??= import('./neon.ts').catch((error: unknown) => { driver = null; throw error })
  let sessions: Promise<Pick<Transport, 'take' | 'close'>> | null = null
  const loaded = () => sessions ??= import('./session.ts').then(({ createSessions }) => createSessions(options)).catch((error: unknown) => { sessions = null; throw error })
  return {
    batch: async (batch) => (await requests()).postBatch(batch, options.endpointOf(batch.url)), take: async (...call) => (await loaded()).take(...call),
    close: async () => { await (await sessions?.catch(() => null))?.close() },
  }
}
