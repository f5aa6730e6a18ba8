import { createDirect } from '../../functions/protocol/postgres/direct.ts'
import type { Transport } from '../../functions/protocol/postgres/port.ts'
import { createNeon, type Endpoint } from '../../functions/protocol/postgres/transport.ts'

export const endpointOf = (neonUrl: string): Endpoint => ({ http: `${neonUrl}/sql`, websocket: `${neonUrl.replace('http', 'ws')}/v2` })

/** Each implementation of the target port of PostgreSQL: `describe.each(transports)`, so that what holds of one is seen to hold of the other. */
export const transports: readonly (readonly [name: string, open: (server: { readonly neonUrl: string }, now?: () => number) => Transport])[] = [
  ['by neon', ({ neonUrl }, now = Date.now) => createNeon({ now, endpointOf: () => endpointOf(neonUrl) })],
  ['by pg', () => createDirect(() => {})],
]
