import { SendTaskSuccessCommand } from '@aws-sdk/client-sfn'
import { afterEach, beforeEach } from 'vitest'
import { type Calls, createMachine } from './machine.ts'

interface At {
  machine: Awaited<ReturnType<typeof createMachine>>
  calls: Calls[]
  /** What the next call of a step does, where it is not simply done. */
  does: Partial<Record<string, (call: Calls, signal: AbortSignal) => unknown>>
}
/** What the test at hand has. */
export const at = {} as At
/** Before each test of the file a machine of its own, whose function does what `at.does` says. */
export function machineEach(): void {
  beforeEach(async () => { Object.assign(at, { calls: [], does: {}, machine: await createMachine(handler) }) })
  afterEach(() => at.machine.gone())
}
export async function handler(event: unknown, signal: AbortSignal): Promise<unknown> {
  const call = event as Calls
  at.calls.push(call)
  const answer = await at.does[call.step]?.(call, signal)
  return answer ?? (call.step === 'proceed' ? { status: 'succeeded' } : {})
}
export const steps = () => at.calls.map(({ step }) => step)
export const tokens = () => at.calls.flatMap(({ token }) => token ?? [])
export const fail = (name: string) => () => { throw Object.assign(new Error('the reason'), { name }) }
export const succeed = (token: string | undefined) => at.machine.client.send(new SendTaskSuccessCommand({ taskToken: token ?? '', output: '{}' }))
