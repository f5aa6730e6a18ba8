import { fork } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CreateStateMachineCommand, DescribeExecutionCommand, SendTaskSuccessCommand, SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Handler } from '../../functions/local/stepfunctions/lambda.ts'
import { approvalDefinition } from '../../infra/approval.ts'
import { type Calls, createMachine, credentials, functionArn, settle } from './machine.ts'

type Machine = Awaited<ReturnType<typeof createMachine>>
let machine: Machine
let calls: Calls[]
const steps = () => calls.map(({ step }) => step)
const handler = async (event: unknown): Promise<unknown> => {
  calls.push(event as Calls)
  return (event as Calls).step === 'proceed' ? { status: 'succeeded' } : {}
}
const never = (event: unknown): Promise<never> => { calls.push(event as Calls); return new Promise(() => {}) }
beforeEach(async () => {
  calls = []
  machine = await createMachine(handler)
})
afterEach(() => machine.gone())
const succeed = (token: string | undefined) => machine.client.send(new SendTaskSuccessCommand({ taskToken: token ?? '', output: '{}' }))
/** The files as a process killed right now leaves them, under a server that is brought up on them. */
async function killed(during: () => Promise<void>): Promise<void> {
  const kept = mkdtempSync(join(tmpdir(), 'sluice-kept-'))
  const copy = (from: string, to: string) => {
    for (const file of readdirSync(from, { recursive: true, withFileTypes: true })) {
      if (!file.isFile()) continue
      mkdirSync(join(to, file.parentPath.slice(from.length)), { recursive: true })
      copyFileSync(join(file.parentPath, file.name), join(to, file.parentPath.slice(from.length), file.name))
    }
  }
  copy(machine.directory, kept)
  await machine.down()
  rmSync(machine.directory, { recursive: true })
  mkdirSync(machine.directory)
  copy(kept, machine.directory)
  rmSync(kept, { recursive: true })
  await during()
  await machine.up()
}

describe('a server that comes up again', () => {
  test('goes on waiting, with the same token and the same deadline', async () => {
    await machine.start('arq_A', 600_000)
    await machine.start('arq_B', 600_000)
    await settle()
    const token = calls.find(({ request, step }) => request === 'arq_A' && step === 'wait')?.token
    await machine.down()
    machine.clock.skip(500_000)
    await machine.up()
    await settle()
    expect(calls).toHaveLength(4)
    await succeed(token)
    await settle()
    expect(calls.slice(4)).toEqual([{ step: 'proceed', request: 'arq_A' }, { step: 'tell', request: 'arq_A' }])
    await machine.clock.pass(99_000)
    expect(calls).toHaveLength(6)
    await machine.clock.pass(1000)
    expect(calls.slice(6)).toEqual([{ step: 'proceed', request: 'arq_B' }, { step: 'tell', request: 'arq_B' }])
  })

  test('ends at once what ran out of time meanwhile', async () => {
    await machine.start('arq_A', 600_000)
    await settle()
    await machine.down()
    machine.clock.skip(700_000)
    await machine.up()
    await machine.clock.pass(0)
    expect(steps()).toEqual(['announce', 'wait', 'proceed', 'tell'])
  })

  test('takes requests before it has functions, and runs nothing until then', async () => {
    await machine.down()
    await machine.up(null)
    await machine.start('arq_A', 1000)
    await machine.clock.pass(100_000)
    expect(calls).toEqual([])
    machine.server.run(new Map([[functionArn, handler]]))
    await settle()
    expect(steps()).toEqual(['announce', 'wait'])
  })

  test('calls a function again that it cannot know was done, a wait with the token that may be out', async () => {
    await machine.down()
    await machine.up(never)
    await machine.start('arq_A')
    await settle()
    await killed(async () => {})
    await settle()
    expect(steps()).toEqual(['announce', 'announce', 'wait'])
    calls = []
    await machine.down()
    await machine.up(async (event) => ((event as unknown as Calls).step === 'wait' ? await never(event) : await handler(event)))
    await machine.start('arq_B')
    await settle()
    const given = calls.find(({ step }) => step === 'wait')?.token
    await killed(async () => {})
    await settle()
    expect(calls.filter(({ step }) => step === 'wait').map(({ token }) => token)).toEqual([given, given])
    await succeed(given)
    await settle()
    expect(steps().slice(-2)).toEqual(['proceed', 'tell'])
  })

  test('a wait whose function was called, and whose time ran out before the restart, is not called again', async () => {
    await machine.down()
    await machine.up(async (event) => ((event as unknown as Calls).step === 'wait' ? await never(event) : await handler(event)))
    await machine.start('arq_A', 60_000)
    await settle()
    await killed(async () => { machine.clock.skip(61_000) })
    await machine.clock.pass(0)
    expect(steps()).toEqual(['announce', 'wait', 'proceed', 'tell'])
  })

  test('keeps to the moment of a retry, and to how often it was tried', async () => {
    await machine.down()
    let fails = true
    const handle: Handler = async (event) => { if (fails && (event as unknown as Calls).step === 'announce') { calls.push(event as unknown as Calls); throw new Error('x') } return await handler(event) }
    await machine.up(handle)
    await machine.start('arq_A')
    await machine.clock.pass(2000)
    expect(steps()).toEqual(['announce', 'announce'])
    await machine.down()
    machine.clock.skip(3000)
    await machine.up(handle)
    await machine.clock.pass(2000)
    expect(steps()).toHaveLength(2)
    await machine.clock.pass(1000)
    expect(steps()).toHaveLength(3)
    await machine.down()
    await machine.up(handle)
    await machine.clock.pass(18_000)
    fails = false
    await machine.clock.pass(100_000)
    expect(steps()).toEqual(['announce', 'announce', 'announce', 'announce', 'wait'])
  })

  test('knows a name that was used, for ninety days', async () => {
    await machine.start('arq_A')
    await settle()
    await succeed(calls.at(-1)?.token)
    await settle()
    await machine.down()
    machine.clock.skip(89 * 24 * 3_600_000)
    await machine.up()
    await expect(machine.start('arq_A')).rejects.toMatchObject({ name: 'ExecutionAlreadyExists' })
    await machine.down()
    machine.clock.skip(2 * 24 * 3_600_000)
    await machine.up()
    expect(steps()).toEqual(['announce', 'wait', 'proceed', 'tell'])
    await machine.start('arq_A')
  })

  const refuse = "CREATE TRIGGER full1 BEFORE UPDATE ON execution BEGIN SELECT RAISE(ABORT, 'disk full'); END; CREATE TRIGGER full2 BEFORE INSERT ON execution BEGIN SELECT RAISE(ABORT, 'disk full'); END"
  const allow = 'DROP TRIGGER full1; DROP TRIGGER full2'
  test('an end that cannot be written is not said to be, and is reached once it can', async () => {
    await machine.start('arq_A')
    await settle()
    machine.sql(refuse)
    await expect(succeed(calls.at(-1)?.token)).rejects.toMatchObject({ name: 'InternalServerError' })
    await expect(machine.start('arq_B')).rejects.toMatchObject({ name: 'InternalServerError' })
    expect(steps()).toEqual(['announce', 'wait'])
    machine.sql(allow)
    await succeed(calls.at(-1)?.token)
    await settle()
    expect(steps()).toEqual(['announce', 'wait', 'proceed', 'tell'])
  })

  test('what the disk refused while nobody asked is tried again by itself', async () => {
    await machine.start('arq_A', 60_000)
    await settle()
    machine.sql(refuse)
    await machine.clock.pass(65_000)
    expect(machine.alarms.length).toBeGreaterThan(0)
    machine.sql(allow)
    await machine.clock.pass(2000)
    expect(steps()).toEqual(['announce', 'wait', 'proceed', 'tell'])
  })

  test('a thousand that wait have one timer, and each ends at its own time', async () => {
    await Promise.all(Array.from({ length: 1000 }, (_, i) => machine.start(`arq_${i}`, 600_000 + i * 1000)))
    await expect.poll(() => calls.length).toBe(2000)
    await machine.clock.pass(1000)
    expect(machine.clock.pending()).toBe(1)
    await machine.down()
    await machine.up()
    expect(machine.clock.pending()).toBe(1)
    calls = []
    await machine.clock.pass(599_000 + 4000)
    expect(calls.filter(({ step }) => step === 'proceed').map(({ request }) => request)).toEqual(['arq_0', 'arq_1', 'arq_2', 'arq_3', 'arq_4'])
  })
})

test('killed at any moment and started again, it loses no execution it took, and begins none again that it ended', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-kill-'))
  const log = join(directory, 'log')
  writeFileSync(log, '')
  const lines = () => readFileSync(log, 'utf8').trim().split('\n').map((line) => line.split(' '))
  async function up() {
    const child = fork(join(import.meta.dirname, 'stepfunctions.child.ts'), [join(directory, 'db'), log], { execPath: process.execPath, stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
    const [url] = await once(child.stdout!, 'data') as [Buffer]
    return { child, client: new SFNClient({ region: 'local', endpoint: String(url).trim(), credentials, maxAttempts: 1 }) }
  }
  let { child, client } = await up()
  const { stateMachineArn } = await client.send(new CreateStateMachineCommand({ name: 'approval', definition: approvalDefinition(functionArn), roleArn: 'r' }))
  const taken = new Set<string>()
  const ended = new Map<string, number>()
  const input = (name: string) => JSON.stringify({ request: name, expiresAt: '2999-01-01T00:00:00.000Z' })
  const wake = async () => {
    for (const [step = '', request = '', token = ''] of lines()) {
      if (step !== 'wait' || ended.has(request)) continue
      await client.send(new SendTaskSuccessCommand({ taskToken: token, output: '{}' })).then(() => ended.set(request, lines().length), () => undefined)
    }
  }
  for (let round = 0; round < 15; round++) {
    const work = Promise.all([
      ...Array.from({ length: 4 }, (_, i) => `arq_${round}_${i}`).map((name) => client.send(new StartExecutionCommand({ stateMachineArn, name, input: input(name) })).then(() => taken.add(name), () => undefined)),
      wake(),
    ])
    // At a moment of its work, each of twelve, not of the clock: a busy machine does nothing in any given time.
    for (const enough = lines().length + round * 7 % 12, last = Date.now() + 2000; lines().length < enough && Date.now() < last;) await new Promise((resolve) => { setTimeout(resolve, 1) })
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
    client.destroy();
    ({ child, client } = await up())
    await work
  }
  const open = new Set(taken)
  await expect.poll(async () => {                                  // a call that a kill cut off is made again when its pause is over
    await wake()
    for (const name of open) if ((await client.send(new DescribeExecutionCommand({ executionArn: `arn:aws:states:local:000000000000:execution:approval:${name}` }))).status === 'SUCCEEDED') open.delete(name)
    return [...open]
  }, { timeout: 60_000 }).toEqual([])
  expect(taken.size).toBeGreaterThan(10)
  const told = lines()
  for (const name of taken) for (const step of ['announce', 'wait', 'proceed', 'tell']) expect(told.some(([one, request]) => one === step && request === name), `${step} of ${name}`).toBe(true)
  // What was acknowledged holds: the wait of a request that was woken never begins again.
  for (const [name, after] of ended) expect(told.slice(after).filter(([step, request]) => step === 'wait' && request === name)).toEqual([])
  client.destroy()
  child.kill('SIGKILL')
  rmSync(directory, { recursive: true, force: true })
}, 180_000)
