import { mostBytes } from './carry.ts'
import type { Masker } from './masker.ts'

/** What one command wrote, in clear, and how it ended. */
export interface Output {
  readonly stdout: Uint8Array
  readonly stderr: Uint8Array
  /** null: it was let go of before its end, or ended by a signal; `ended` says why. */
  readonly exitCode: number | null
  /** More was written than the limits let through. */
  readonly truncated: boolean
  /** Which of the two ends before its end. */
  readonly cut: { readonly stdout: boolean; readonly stderr: boolean }
  readonly ended?: string
}

/**
 * The answer to a command, as JSON: each of its outputs masked as lines of its own. Total: what cannot be masked is withheld. No larger than what comes out of a private network: JSON makes six bytes of a zero, and a command that
 * ran is not to be lost over that, so the outputs are cut shorter. `begin`: masks one of them; `cut`: it ends before its end.
 */
export function outputBody(begin: (cut: boolean) => Masker, output: Output, withheld: (error: unknown) => void): Uint8Array {
  const body = bodyOf(begin, output, withheld)
  const half = (bytes: Uint8Array) => bytes.subarray(0, Math.floor(bytes.byteLength / 2))
  return body.byteLength <= mostBytes ? body : outputBody(begin, { ...output, stdout: half(output.stdout), stderr: half(output.stderr), truncated: true, cut: { stdout: true, stderr: true } }, withheld)
}

function bodyOf(begin: (cut: boolean) => Masker, { stdout, stderr, exitCode, truncated, cut, ended }: Output, withheld: (error: unknown) => void): Uint8Array {
  const rest = { exitCode, truncated, ...(ended === undefined ? {} : { ended }) }
  try {
    const text = (bytes: Uint8Array, cut: boolean) => { const masker = begin(cut); return Buffer.concat([masker.write(bytes), masker.end()]).toString('utf8') }
    return Buffer.from(JSON.stringify({ stdout: text(stdout, cut.stdout), stderr: text(stderr, cut.stderr), ...rest }))
  } catch (error) {
    withheld(error)
    return Buffer.from(JSON.stringify({ stdout: null, stderr: null, ...rest, withheld: 'what the command wrote cannot be masked' }))
  }
}
