/** When to stop reading. `bytes`: the most there may be. `ms`: the longest it may take. `quietMs`: how long nothing may come; left out: as long as it likes. */
export interface Bounds { readonly bytes: number; readonly ms: number; readonly quietMs?: number }
/** `end`: there was no more. Of what stopped it, the first. */
export interface Collected { readonly bytes: Buffer; readonly how: 'end' | 'quiet' | 'full' | 'late' }

/**
 * A stream whole, for a way that carries none. Where it is stopped, `cut` is aborted and the rest that was masked by then is still taken, so that what is counted as given was. Rejects where the stream breaks and nobody
 * stopped it: half an answer is none.
 */
export async function collect(stream: ReadableStream<Uint8Array>, cut: AbortController, { bytes: most, ms, quietMs }: Bounds): Promise<Collected> {
  const parts: Uint8Array[] = []
  let [bytes, stopped] = [0, null as Exclude<Collected['how'], 'end'> | null]
  const stop = (why: Exclude<Collected['how'], 'end'>) => { stopped ??= why; cut.abort(new Error(why)) }
  const late = setTimeout(() => { stop('late') }, ms)
  let quiet = quietMs === undefined ? undefined : setTimeout(() => { stop('quiet') }, quietMs)
  const reader = stream.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return { bytes: Buffer.concat(parts), how: stopped ?? 'end' }
      parts.push(value)
      if ((bytes += value.byteLength) > most) stop('full')
      if (quiet !== undefined) quiet = quiet.refresh()
    }
  } catch (error) {
    if (stopped === null) throw error
    return { bytes: Buffer.concat(parts), how: stopped }
  } finally {
    clearTimeout(late)
    clearTimeout(quiet)
  }
}
