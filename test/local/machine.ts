import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { DescribeExecutionCommand, SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn'
import type { Handler } from '../../functions/local/stepfunctions/lambda.ts'
import { startStepFunctions, type StepFunctions } from '../../functions/local/stepfunctions.ts'
import { approvalDefinition } from '../../infra/approval.ts'

export const functionArn = 'arn:aws:lambda:local:000000000000:function:sluice-approval'
export const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' }

/** A clock and timers a test holds: `pass` moves time and rings what is due, in order. */
export function createTime(start = Date.parse('2026-11-22T09:00:00.000Z')) {
  let moment = start
  let pending: { at: number; ring: () => void }[] = []
  return {
    time: {
      now: () => moment,
      timers: {
        set: (ring: () => void, ms: number) => { const one = { at: moment + ms, ring }; pending.push(one); return one },
        clear: (handle: unknown) => { pending = pending.filter((one) => one !== handle) },
      },
    },
    pending: () => pending.length,
    /** Without a timer: as a machine that slept, or a process that was not there. */
    skip(ms: number) { moment += ms },
    async pass(ms: number) {
      const end = moment + ms
      for (;;) {
        await settle()
        const next = pending.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0]
        if (!next) break
        pending = pending.filter((one) => one !== next)
        moment = Math.max(moment, next.at)
        next.ring()
      }
      moment = end
      await settle()
    },
  }
}
/** Until what is under way without a timer has come to rest. */
export const settle = async (): Promise<void> => { for (let i = 0; i < 40; i++) await new Promise((resolve) => { setImmediate(resolve) }) }

export interface Calls { readonly step: string; readonly request: string; readonly token?: string }

/** A server on a directory of its own, that can be taken down and brought up again over the same files. */
export async function createMachine(handler: Handler, options: { readonly handlerTimeoutMs?: number; readonly concurrency?: number } = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-sfn-'))
  const clock = createTime()
  const alarms: string[] = []
  let server: StepFunctions
  let client: SFNClient
  async function up(handle: Handler | null = handler): Promise<void> {
    server = await startStepFunctions({ directory, credentials, time: clock.time, random: () => 1, alarm: (what) => { alarms.push(what) }, graceMs: 50, ...options })
    client = new SFNClient({ region: 'local', endpoint: server.url, credentials, maxAttempts: 1 })
    if (handle) server.run(new Map([[functionArn, handle]]))
  }
  await up()
  const stateMachineArn = await server!.define('approval', approvalDefinition(functionArn))
  const executionArn = (name: string) => `arn:aws:states:local:000000000000:execution:approval:${name}`
  return {
    directory, clock, alarms, stateMachineArn, executionArn, up,
    get client() { return client },
    get server() { return server },
    start: (name: string, withinMs = 1_800_000) => client.send(new StartExecutionCommand({
      stateMachineArn, name, input: JSON.stringify({ request: name, expiresAt: new Date(clock.time.now() + withinMs).toISOString() }),
    })),
    status: async (name: string) => (await client.send(new DescribeExecutionCommand({ executionArn: executionArn(name) }))).status,
    /** Another hand on what is kept. */
    sql(text: string) {
      const database = new DatabaseSync(join(directory, 'executions.db'))
      try {
        database.exec(text)
      } finally {
        database.close()
      }
    },
    async down() { client.destroy(); await server.close() },
    async gone() { client.destroy(); await server.close(); rmSync(directory, { recursive: true, force: true }) },
  }
}
