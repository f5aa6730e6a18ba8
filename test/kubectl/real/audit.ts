import { open } from 'node:fs/promises'
import type { Heard } from '../agreement.ts'

/** An event of the API server's audit log (audit.k8s.io/v1), as much of it as is compared. */
interface Event {
  readonly auditID: string; readonly stage: string; readonly requestURI: string; readonly verb: string; readonly userAgent?: string; readonly user?: { readonly username?: string }
  readonly responseStatus?: { readonly code?: number }
  readonly objectRef?: { readonly resource?: string; readonly namespace?: string; readonly name?: string; readonly apiGroup?: string; readonly subresource?: string }
}

/** Follows the log: each call gives what the gate asked as that user since the one before, a request that is told of twice (a stream) once. */
export function followAudit(file: string, user: string): () => Promise<readonly Heard[]> {
  const state = { at: 0, rest: '' }
  const told = new Set<string>()
  return async () => {
    const handle = await open(file)
    try {
      const { size } = await handle.stat()
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(size - state.at), 0, size - state.at, state.at)
      state.at += bytesRead
      const lines = (state.rest + buffer.subarray(0, bytesRead).toString('utf8')).split('\n')
      state.rest = lines.pop() ?? ''
      return lines.map((line) => JSON.parse(line) as Event).filter(({ auditID }) => { const first = !told.has(auditID); told.add(auditID); return first })
        .filter((event) => event.user?.username === user && event.userAgent === 'sluice').map(heardOf)
    } finally {
      await handle.close()
    }
  }
}
const heardOf = ({ auditID, requestURI, verb, user, objectRef, responseStatus }: Event): Heard => ({
  audit: auditID, user: user?.username ?? null, said: `${verb} ${requestURI}`,
  reading: {
    isResource: objectRef !== undefined, verb, group: objectRef?.apiGroup ?? '', resource: objectRef?.resource ?? '', subresource: objectRef?.subresource ?? '', namespace: objectRef?.namespace ?? '', name: objectRef?.name ?? '',
    dryRun: /[?&]dryRun=All(?:&|$)/.test(requestURI), conflict: responseStatus?.code === 409,
  },
})
