import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DescribeExecutionCommand, SendTaskFailureCommand, SendTaskHeartbeatCommand, SendTaskSuccessCommand } from '@aws-sdk/client-sfn'
import { describe, expect, test } from 'vitest'
import { createEngine } from '../../functions/local/stepfunctions/engine.ts'
import { openJournal } from '../../functions/local/stepfunctions/journal.ts'
import { createTokens } from '../../functions/local/stepfunctions/token.ts'
import { approvalDefinition } from '../../infra/approval.ts'
import { createMachine, functionArn, settle } from './machine.ts'
import { at, fail, handler, machineEach, steps, succeed, tokens } from './steps.ts'

machineEach()

describe('task tokens', () => {
  test('one opens once, and says afterwards that it is over', async () => {
    await at.machine.start('arq_A')
    await settle()
    const [token] = tokens()
    const answers = await Promise.allSettled([succeed(token), succeed(token), succeed(token)])
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    await settle()
    expect(steps()).toEqual(['announce', 'wait', 'proceed', 'tell'])
    await expect(succeed(token)).rejects.toMatchObject({ name: 'TaskTimedOut' })
  })

  test('of two answers that begin in the same moment one ends the wait, and the other hears that it came too late', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'sluice-engine-'))
    const journal = openJournal(directory, Date.now())
    const known = createTokens(journal.key)
    const engine = createEngine({ journal, tokens: known, time: at.machine.clock.time, random: () => 1, machineOf: (arn) => ({ arn, name: 'm', roleArn: 'r', definition: '', createdAt: 0, updatedAt: 0 }), alarm: () => {} })
    engine.run({ invoke: async (_, payload) => ({ payload: await handler(payload, AbortSignal.any([])) as null }) })
    const id = '0'.repeat(32)
    engine.start({
      id, arn: 'a', name: 'n', machine: 'm', definition: journal.putDefinition(approvalDefinition(functionArn)), input: '{}', startedAt: 0, status: 'RUNNING', stoppedAt: null, output: null, error: null, cause: null,
      state: 'Wait', enteredAt: 0, data: { request: 'arq_A', expiresAt: '2999-01-01T00:00:00.000Z', rounds: 0 }, phase: 'ready', at: null, retries: [], seq: 1,
    })
    await settle()
    const token = known.make(id, 2)
    const answers = await Promise.allSettled([engine.succeed(token, {}), engine.fail(token, 'Own', 'x'), engine.succeed(token, {})])
    expect(answers.map((answer) => (answer.status === 'rejected' ? (answer.reason as { type: string }).type : 'done')).toSorted()).toEqual(['TaskTimedOut', 'TaskTimedOut', 'done'])
    await engine.close(50)
    journal.close()
    rmSync(directory, { recursive: true })
  })

  test('one of an earlier attempt opens nothing, one after its time neither', async () => {
    let once = false
    at.does = { wait: () => { if (!once) { once = true; fail('Fault')() } } }
    await at.machine.start('arq_A', 60_000)
    await at.machine.clock.pass(10_000)
    expect(tokens()).toHaveLength(2)
    await expect(succeed(tokens()[0])).rejects.toMatchObject({ name: 'TaskTimedOut' })
    at.machine.clock.skip(51_000)
    await expect(succeed(tokens()[1])).rejects.toMatchObject({ name: 'TaskTimedOut' })
  })

  test('none can be made, bent or written in another way', async () => {
    await at.machine.start('arq_A')
    await settle()
    const [token = ''] = tokens()
    const bytes = Buffer.from(token, 'base64url')
    const bent = Array.from({ length: bytes.length }, (_, i) => { const copy = Buffer.from(bytes); copy[i] = (copy[i] ?? 0) ^ 1; return copy.toString('base64url') })
    for (const forged of [...bent, `${token}=`, `${token} `, token.slice(0, -1), `${token}A`, Buffer.from(token).toString('base64'), 'x', '..', '\u0000']) {
      await expect(succeed(forged), forged).rejects.toMatchObject({ name: 'InvalidToken' })
    }
    await expect(succeed('')).rejects.toMatchObject({ name: 'ValidationException' })
    await expect(succeed('x'.repeat(2049))).rejects.toMatchObject({ name: 'ValidationException' })
    expect(steps()).toEqual(['announce', 'wait'])
    await succeed(token)
  })

  test('one of another state directory opens nothing', async () => {
    const other = await createMachine(handler)
    await at.machine.start('arq_A')
    await other.start('arq_A')
    await settle()
    const [ours, theirs] = tokens()
    expect(ours).not.toBe(theirs)
    await expect(other.client.send(new SendTaskSuccessCommand({ taskToken: ours ?? '', output: '{}' }))).rejects.toMatchObject({ name: 'InvalidToken' })
    await other.gone()
  })

  test('a success that comes before the function is back is kept, and the late function undoes nothing', async () => {
    let back: () => void = () => {}
    at.does = { wait: () => new Promise<void>((_, reject) => { back = () => reject(new Error('late')) }) }
    await at.machine.start('arq_A')
    await settle()
    await succeed(tokens()[0])
    await settle()
    expect(steps()).toEqual(['announce', 'wait', 'proceed', 'tell'])
    back()
    await at.machine.clock.pass(600_000)
    expect(steps()).toEqual(['announce', 'wait', 'proceed', 'tell'])
  })

  test('a failure sent by token is a failed wait; a heartbeat changes nothing', async () => {
    await at.machine.start('arq_A')
    await settle()
    await at.machine.client.send(new SendTaskHeartbeatCommand({ taskToken: tokens()[0] ?? '' }))
    await expect(at.machine.client.send(new SendTaskHeartbeatCommand({ taskToken: 'x' }))).rejects.toMatchObject({ name: 'InvalidToken' })
    await at.machine.client.send(new SendTaskFailureCommand({ taskToken: tokens()[0] ?? '', error: 'Own', cause: 'because' }))
    await at.machine.clock.pass(3000)
    expect(steps()).toEqual(['announce', 'wait', 'wait'])
    await expect(at.machine.client.send(new SendTaskHeartbeatCommand({ taskToken: tokens()[0] ?? '' }))).rejects.toMatchObject({ name: 'TaskTimedOut' })
  })

  test('what a token brings along reaches no later step', async () => {
    await at.machine.start('arq_A')
    await settle()
    await at.machine.client.send(new SendTaskSuccessCommand({ taskToken: tokens()[0] ?? '', output: '{"request":"arq_B","status":"pending"}' }))
    await settle()
    expect(at.calls.map(({ request }) => request)).toEqual(['arq_A', 'arq_A', 'arq_A', 'arq_A'])
    await expect(at.machine.client.send(new SendTaskSuccessCommand({ taskToken: 'x', output: 'no json' }))).rejects.toMatchObject({ name: 'InvalidOutput' })
  })

  test('no token is in a file, an alarm, or what can be asked of the server', async () => {
    await at.machine.start('arq_A')
    await settle()
    const [token = 'none'] = tokens()
    const files = readdirSync(at.machine.directory, { recursive: true, withFileTypes: true }).filter((file) => file.isFile()).map((file) => readFileSync(join(file.parentPath, file.name), 'utf8'))
    const seen = JSON.stringify([files, at.machine.alarms, await at.machine.client.send(new DescribeExecutionCommand({ executionArn: at.machine.executionArn('arq_A') }))])
    expect(seen).not.toContain(token)
    expect(seen).not.toContain(token.slice(-43))
  })
})
