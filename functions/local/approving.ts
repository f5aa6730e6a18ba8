import { createHash } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { approvalDefinition } from '../../infra/approval.ts'
import { createAnnouncer } from '../announce.ts'
import { createApprover } from '../approver.ts'
import type { createStores } from '../aws/ports.ts'
import type { Gate } from '../gate.ts'
import type { Ports } from '../ports.ts'
import { createSteps } from '../steps.ts'
import type { LocalCredentials } from './ports.ts'
import { startStepFunctions } from './stepfunctions.ts'

const functionArn = 'arn:aws:lambda:local:000000000000:function:approval'

/** What waits for people on this machine: our Step Functions with the one state machine, whose every step is a call of the gate in this process. */
export interface Approving {
  /** Where it answers, and the machine. */
  readonly machine: { readonly endpoint: string; readonly arn: string }
  /** From now on its steps run: also those that a crash interrupted. `tell`: whoever else wants to hear of an end. */
  run(ports: Ports, gate: Gate, workflow: NonNullable<ReturnType<typeof createStores>['workflow']>, tell: (id: `arq_${string}`) => Promise<void>): { readonly steps: Steps }
  close(): Promise<void>
}
export type Steps = Pick<ReturnType<typeof createApprover>, 'pending' | 'proceed'> & Pick<ReturnType<typeof createAnnouncer>, 'announce' | 'tell'>

export async function startApproving({ directory, credentials, alarm }: { readonly directory: string; readonly credentials: LocalCredentials; readonly alarm: Ports['alarm'] }): Promise<Approving> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const server = await startStepFunctions({ directory, credentials, alarm })
  let closing: Promise<void> | null = null
  const definition = approvalDefinition(functionArn)
  // An execution keeps the definition it began with: another text is another machine, and what waits in the old one goes on in it.
  const name = `approval-${createHash('sha256').update(definition).digest('hex').slice(0, 12)}`
  const arn = await server.define(name, definition)
  return {
    machine: { endpoint: server.url, arn },
    run(ports, gate, workflow, tell) {
      const { approvals } = ports
      if (approvals === null) throw new TypeError('no approvals to run')
      const { pending, proceed } = createApprover(ports, gate)
      const announcer = createAnnouncer({ ...ports, approvals }, gate.standing.current)
      const steps: Steps = { pending, proceed, announce: announcer.announce, tell: async (id) => { await tell(id); await announcer.tell(id) } }
      server.run(new Map([[functionArn, createSteps({ approver: steps, workflow })]]))
      return { steps }
    },
    close: () => (closing ??= server.close()),
  }
}
