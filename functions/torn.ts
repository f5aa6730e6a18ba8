/**
 * The stream as it leaves: nothing after the cut, whatever the engine still gives; and torn, not closed, so that half an answer is never taken for a whole one. Pulled only as the reader
 * reads; a reader that goes away cancels the engine's stream, and with it the target's request.
 */
export function guarded(body: ReadableStream<Uint8Array>, signal: AbortSignal, given: { bytes: number }): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  return new ReadableStream<Uint8Array>({
    start(controller) {
      signal.addEventListener('abort', () => {
        controller.error(torn())
        void reader.cancel(signal.reason).catch(() => {})
      }, { once: true })
    },
    async pull(controller) {
      const part = await reader.read().catch(() => null)
      if (signal.aborted) return
      if (part === null) return controller.error(torn())
      if (part.done) return controller.close()
      given.bytes += part.value.byteLength
      controller.enqueue(part.value)
    },
    cancel: (reason) => reader.cancel(reason),
  }, { highWaterMark: 0 })
}

/** Servers write an error's words behind the answer, and into their logs: so it has none of the target's, and no stack. */
const torn = (): Error => Object.assign(new Error('the answer ends here, unfinished'), { stack: 'the answer ends here, unfinished' })
