import * as z from 'zod'
import type { Status } from '../schema/approval.ts'
import type { Id } from '../schema/event.ts'
import { endOf } from './allowance.ts'

const request = z.templateLiteral(['arq_', z.string().regex(/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/)])
const event = z.discriminatedUnion('step', [
  z.strictObject({ step: z.literal('announce'), request }),
  z.strictObject({ step: z.literal('wait'), request, token: z.string().min(1).max(2048) }),
  z.strictObject({ step: z.literal('proceed'), request }),
  z.strictObject({ step: z.literal('tell'), request }),
])
export interface StepParts {
  readonly approver: {
    announce(id: Id<'arq'>): Promise<void>
    pending(id: Id<'arq'>): Promise<boolean>
    proceed(id: Id<'arq'>, until?: number): Promise<Status>
    tell(id: Id<'arq'>): Promise<void>
  }
  /** Epoch ms. */
  readonly now?: () => number
  readonly workflow: { register(id: Id<'arq'>, token: string): Promise<void>; wake(id: Id<'arq'>): Promise<void> }
}

class Unfinished extends Error {
  override readonly name = 'Unfinished'
}

/**
 * One step of an access request's state machine (infra/approval.asl.json). Each may come twice, late, or after its request is over: what it does, the stored request decides. `context`: Lambda's, which says how much time there is; left out: as much as it takes.
 * Throws where it is to be tried again.
 */
export function createSteps({ approver, workflow, now = Date.now }: StepParts): (given: unknown, context?: unknown) => Promise<{ readonly status?: Status }> {
  return async (given, context) => {
    const read = event.safeParse(given)
    // Paths alone: zod's messages may quote what came, and a token may have.
    if (!read.success) throw new TypeError(`not a step: ${read.error.issues.map(({ path }) => path.join('.') || 'event').join(', ')}`)
    const step = read.data
    switch (step.step) {
      case 'announce':
        await approver.announce(step.request)
        return {}
      case 'wait':
        // Keep the token first, then look: whoever decides in between finds either the token or, here, a request that is no longer pending.
        await workflow.register(step.request, step.token)
        if (!await approver.pending(step.request)) await workflow.wake(step.request)
        return {}
      case 'proceed': {
        const status = await approver.proceed(step.request, endOf({ context }, now()).until)
        // Another process is at it, or died at it: the state machine looks again, later each time, until there is an end to tell of.
        if (status === 'approved' || status === 'executing') throw new Unfinished(`still ${status}`)
        return { status }
      }
      case 'tell':
        await approver.tell(step.request)
        return {}
    }
  }
}
