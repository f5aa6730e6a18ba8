import * as z from 'zod'
import type { createDiscovery } from '../discover.ts'
import type { Call, Gate } from '../gate.ts'
import { faultRefusal } from '../problem.ts'
import type { Ports } from '../ports.ts'
import { fence, type Told } from './fence.ts'
import { createCluster } from './cluster.ts'
import { createCommand, type ReadCommand } from './command.ts'
import { createFollow, type Hold, type Requests, type Waits } from './follow.ts'
import { outline } from './outline.ts'
import { refused } from './refused.ts'
import { createRun } from './run.ts'
import { toolNames } from './tools.ts'

/** What of the gate's other routes the tools use. */
export interface McpParts { readonly discovery: ReturnType<typeof createDiscovery>; readonly requests: Requests; readonly waits: Waits; readonly command: ReadCommand }
/** Who calls, and until when what is run for them may go on: as any call over HTTP. */
export type Caller = Pick<Call, 'authorization' | 'session' | 'until'>
/** Runs one tool for the caller of one HTTP request. null: there is no such tool. Never throws. */
export type Calls = (name: string, sent: Readonly<Record<string, unknown>>) => Promise<Told> | null

const accessForm = z.strictObject({ connection: z.string().max(64).optional(), match: z.string().max(200).optional() })

export function createCalls(ports: Ports, gate: Gate, { discovery, requests, waits, command: read }: McpParts) {
  const run = createRun(ports, gate)
  const cluster = createCluster(ports, gate)
  const command = createCommand(ports, gate, read)
  const follow = createFollow(ports, requests, waits)

  async function access(door: Caller, sent: Readonly<Record<string, unknown>>): Promise<Told> {
    const parsed = accessForm.safeParse(sent)
    if (!parsed.success) return refused({ slug: 'invalid-request', reason: 'arguments', next: 'fix', detail: '`connection` and `match` must be text, and there are no others' }, null)
    const found = await outline(discovery, door, parsed.data)
    return found.ok ? fence({ head: 'what you may do now; each statement is decided anew', facts: {}, data: found.value }) : refused(found.refusal, null)
  }

  return (door: Caller, hold: Hold): Calls => (name, sent) => {
    const tool = toolNames.find((one) => one === name)
    if (tool === undefined) return null
    return call(tool, door, sent, hold).catch((error: unknown) => refused(faultRefusal(error, ports.alarm), null))
  }

  function call(tool: (typeof toolNames)[number], door: Caller, sent: Readonly<Record<string, unknown>>, hold: Hold): Promise<Told> {
    switch (tool) {
      case 'access': return access(door, sent)
      case 'run': return run(door, sent)
      case 'kubernetes': return cluster(door, sent)
      case 'command': return command(door, sent)
      case 'follow': return follow(door, sent, hold)
    }
  }
}
