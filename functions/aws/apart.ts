import type { Secrets } from '../ports.ts'
import type { Protocol } from '../protocol/protocol.ts'
import type { Cuts } from '../protocol/halt.ts'
import { createRemote } from '../protocol/remote.ts'
import { cutsOf } from './cuts.ts'
import { placeOf } from './dynamo.ts'
import { createInvoke } from './invoke.ts'
import { speak } from './lambda.ts'

/** The engines of private targets, in the function that `SLUICE_PRIVATE` names (functions/private.ts); null where there is none. `SLUICE_PRIVATE_AS`: under which name, and so with which key, this one asks there. `here`: see createRemote. */
export function createApart(parts: { readonly secrets: Secrets; readonly isPermit: (value: unknown) => boolean; readonly here?: Protocol }, env: Readonly<Record<string, string | undefined>> = process.env): Protocol | null {
  const name = env['SLUICE_PRIVATE']
  if (!name) return null
  const place = placeOf(env)
  const { say, said } = cutsOf(env)
  const cuts: Cuts = { said, say: (id, why) => say(id, why).catch((error: unknown) => { speak('a cut was not said', { error: error instanceof Error ? error.message : 'unknown' }); throw error }) }
  return createRemote({ ...parts, now: Date.now, cuts, by: env['SLUICE_PRIVATE_AS'] || null, send: createInvoke(name, { ...place, endpoint: env['AWS_ENDPOINT_URL_LAMBDA'] ?? `https://lambda.${place.region}.amazonaws.com`, now: Date.now }) })
}
