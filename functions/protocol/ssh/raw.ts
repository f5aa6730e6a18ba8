import type { Output } from '../output.ts'
import type { Raw } from '../protocol.ts'

const made = new WeakMap<object, Output>()

/** What a command wrote, in clear: only the engine that made it looks inside, so that nobody else's object passes for one. `id`: of its login, as the host's own log has it. */
export function rawOf(output: Output, id: string): Raw {
  const raw = Object.freeze({})
  made.set(raw, output)
  return { raw, rowCounts: [1], truncated: output.truncated, answered: { status: 200, audit: id } }
}
export function outputOf({ raw }: Raw): Output {
  const output = made.get(raw)
  if (output === undefined) throw new Error('invariant: this answer is not of this engine')
  return output
}
