import type { Masker } from './masker.ts'
import type { Run } from './protocol.ts'

/** Of both outputs together, of one command. */
const mostBytes = 16 * 1024 * 1024
/** `limits.bytes`: of the answer. `begin`: masks one of the outputs. */
interface Heard { readonly run: Pick<Run, 'heard' | 'heardBytes'>; readonly limits: { readonly bytes: number }; readonly begin: () => Masker }

/**
 * Both outputs of a command: what the answer keeps of them, and all of it for the record, masked as lines of its own each. The target is read no faster than the record is written: `stop` and `go`
 * hold it. `fail`: some of it could not be recorded.
 */
export function listen({ run, limits, begin }: Heard, fail: () => void, { stop, go }: { readonly stop: () => void; readonly go: () => void }) {
  const kept = { stdout: [] as Buffer[], stderr: [] as Buffer[] }
  const maskers = { stdout: begin(), stderr: begin() }
  let [bytes, written, waiting] = [0, 0, 0]
  const most = Math.min(run.heardBytes ?? mostBytes, mostBytes)
  let failed = false
  const cut = { stdout: false, stderr: false }
  let told: Promise<void> = Promise.resolve()
  function tell(stream: 'stdout' | 'stderr', shown: Uint8Array): void {
    if (!run.heard || shown.byteLength === 0) return
    const { heard } = run
    waiting++
    stop()
    told = told.then(async () => { if (!failed) await heard(stream, shown) }).catch(() => { failed = true; fail() }).finally(() => { if (--waiting === 0) go() })
  }
  return {
    /** false: no more of it may come. */
    take(stream: 'stdout' | 'stderr', rest: Buffer): boolean {
      const fits = Buffer.from(rest.subarray(0, Math.max(0, limits.bytes - bytes)))
      if (fits.byteLength > 0) kept[stream].push(fits)
      if (fits.byteLength < rest.byteLength) cut[stream] = true
      bytes += rest.byteLength
      tell(stream, Uint8Array.from(maskers[stream].write(rest.subarray(0, Math.max(0, most - written)))))
      written += rest.byteLength
      return written <= most
    },
    /** Resolves when all of it is on record; rejects where some of it could not be. `short`: it ended before its end, and the record has of its last line what its caller has. */
    async close(short: boolean): Promise<void> {
      for (const stream of ['stdout', 'stderr'] as const) tell(stream, maskers[stream].end(short))
      await told
      if (failed) throw new Error('what a command wrote is not recorded')
    },
    kept: () => ({ stdout: Buffer.concat(kept.stdout), stderr: Buffer.concat(kept.stderr), truncated: bytes > limits.bytes, cut }),
    most,
  }
}
