import type { Permit } from '../../permit.ts'
import type { Masked, Plan, Raw } from '../protocol.ts'
import type { Understood } from './execute.ts'
import type { Masker } from '../masker.ts'
import { outputBody } from '../output.ts'
import type { How } from './plan.ts'
import { clearOf, type Clear } from './raw.ts'
import { TransportError } from './trouble.ts'

export interface AnswerOptions {
  readonly isPermit: (value: unknown) => boolean
  readonly understood: (plan: Plan) => Understood
  readonly createMasker: (how: How) => Masker
  readonly alarm: (what: string, detail: Readonly<Record<string, unknown>>) => void
}
/** Somebody who asks for nothing for this long has gone, and holds a connection of the cluster's, ms. */
const patienceMs = 300_000

/** An answer in clear → as the caller may see it. Total: what the masker does not vouch for is withheld, and a stream of it ends in mid-item, which no client takes for its end. */
export function createAnswer({ isPermit, understood, createMasker, alarm }: AnswerOptions) {
  return function mask(permit: Permit, plan: Plan, rows: Raw): Masked {
    if (!isPermit(permit)) throw new Error('invariant: masking without a permit')
    if (permit.effects !== plan.effects) throw new Error('invariant: a permit for another plan')
    const { connection, plan: inner } = understood(plan)
    const clear = clearOf(rows)
    const { status, headers, audit, contentType } = clear
    const type = headers['content-type'] ?? contentType                    // with its parameters: discovery and tables are told by them
    const withheld = (error: unknown) => { alarm('answer withheld', { connection: connection.name, resource: inner.attributes.resource, verb: inner.attributes.verb, error: error instanceof Error ? error.name : 'unknown' }) }
    const how: How = { plan: inner, effects: plan.effects, obligations: permit.obligations, status, contentType, maskKey: clear.maskKey }
    const answer = (type: string, body: Uint8Array | ReadableStream<Uint8Array>) => ({ results: [], answer: { status, headers: { ...headers, 'content-type': type }, body, audit } }) as unknown as Masked
    const whole = (bytes: Uint8Array): Masked => {
      if (inner.method === 'HEAD') return answer(type, new Uint8Array())
      try {
        const masker = createMasker(how)
        return answer(type, Buffer.concat([masker.write(bytes), masker.end()]))
      } catch (error) {
        withheld(error)
        const instead = withheldStatus(status, inner.method !== 'GET')
        return { results: [], answer: { status: instead.code, headers: { ...headers, 'content-type': 'application/json' }, body: json(instead), audit } } as unknown as Masked
      }
    }
    switch (clear.body.kind) {
      case 'own': return answer('application/json', json(clear.body.value))
      case 'bytes': return whole(clear.body.bytes)
      case 'exec': return answer('application/json', outputBody((cut) => createMasker({ ...how, cut }), clear.body, withheld))
      case 'stream': return answer(type, streamed(createMasker, how, clear.body, withheld))
    }
  }
}

const json = (value: object): Uint8Array => Buffer.from(JSON.stringify(value))
/** A write that was done stays done, whatever its answer looked like; a read without its answer failed. */
const withheldStatus = (status: number, wrote: boolean) => {
  const head = { kind: 'Status', apiVersion: 'v1', metadata: {} }
  if (status >= 400) return { ...head, status: 'Failure', reason: status === 404 ? 'NotFound' : status === 409 ? 'Conflict' : 'Unknown', message: `the cluster refused this with status ${status}; its words are withheld, for they cannot be masked`, code: status }
  return wrote ? { ...head, status: 'Success', message: 'done; the cluster\'s answer is withheld, for it is not of a form that can be masked', code: 200 }
    : { ...head, status: 'Failure', reason: 'InternalError', message: 'the cluster\'s answer is withheld, for it is not of a form that can be masked', code: 500 }
}

/** Pulled: the cluster is read no faster than the caller reads. */
function streamed(createMasker: AnswerOptions['createMasker'], how: How, { chunks, end, cut, from, most }: Extract<Clear['body'], { kind: 'stream' }>, withheld: (error: unknown) => void): ReadableStream<Uint8Array> {
  let [bytes, over] = [0, false]
  let masker: Masker | null = null
  let idle: NodeJS.Timeout | undefined
  const finish = (why: string) => {
    clearTimeout(idle)
    if (over) return
    over = true
    const next = from === undefined ? {} : { next: masker?.over || why.startsWith('cut: over') ? null : { after: masker?.last ?? from } }
    end({ bytes, items: masker?.items ?? 0, how: why, detected: masker?.detected ?? {}, ...next })
    void chunks.return().catch(() => undefined)
  }
  const give = (controller: ReadableStreamDefaultController<Uint8Array>, part: Uint8Array): boolean => {
    if (part.byteLength === 0) return false
    bytes += part.byteLength
    controller.enqueue(part)
    return true
  }
  const pull = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
    clearTimeout(idle)
    masker ??= createMasker(how)
    for (;;) {
      const next = await chunks.next()
      if (over) return                                              // the caller left while this waited
      if (next.done) {
        give(controller, masker.end())
        finish('complete')
        controller.close()
        return
      }
      const shown = masker.write(next.value)
      if (masker.items > most) throw new TooMany()                    // a server that does not page: what is over is not given, and the list is not closed
      if (give(controller, shown)) return
    }
  }
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        await pull(controller)
      } catch (error) {
        const why = error instanceof TooMany ? (how.plan.form === 'list' ? `cut: over ${most} objects, and the cluster does not page them` : `cut: over ${most} objects, which are what is left of the hour, or the most of one call`) : error instanceof TransportError ? howOf(error, cut) : 'withheld'
        if (why === 'withheld') withheld(error)
        finish(why)
        // Whole events and lines alone were given, so a watch or a log that is cut ends as it would by itself, and the next one is refused with words. A list must not look whole.
        if (why.startsWith('cut') && how.plan.form !== 'list') controller.close()
        else controller.error(new Error('the answer broke off'))
        return
      }
      if (!over) idle = setTimeout(() => { finish('caller gone'); controller.error(new Error('the caller stopped reading')) }, patienceMs)
    },
    cancel() { finish('caller gone') },
  }, { highWaterMark: 0 })
}

class TooMany extends Error {}
const howOf = (error: TransportError, cut: AbortSignal | null): string => (cut?.aborted ? `cut: ${cut.reason instanceof Error ? cut.reason.message : 'it may not go on'}` : error.kind === 'timeout' ? 'target fell silent' : 'target broke off')
