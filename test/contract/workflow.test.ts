import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CreateStateMachineCommand, SFNClient } from '@aws-sdk/client-sfn'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { sdkSfn, type Sfn } from '../../functions/aws/sfn.ts'
import { createWorkflow } from '../../functions/aws/workflow.ts'
import { startStepFunctions, type StepFunctions } from '../../functions/local/stepfunctions.ts'
import { createSteps } from '../../functions/steps.ts'
import { approvalDefinition } from '../../infra/approval.ts'
import type { Status } from '../../schema/approval.ts'
import type { Id } from '../../schema/event.ts'
import { createTime, credentials, functionArn, settle } from '../local/machine.ts'
import { createRig, type Rig } from './rig.ts'

/** What Workflow promises, over the local servers of Step Functions and DynamoDB and the real SDK. `world` stands in for the stored requests. */
describe('the workflow of a request', () => {
  let rig: Rig
  let directory: string
  let clock: ReturnType<typeof createTime>
  let server: StepFunctions
  let sfn: Sfn & { close(): void }
  let workflow: ReturnType<typeof createWorkflow>
  let stateMachineArn: string
  let world: Map<string, Status>
  let done: string[]
  let before: Partial<Record<string, () => Promise<void>>>
  const id: Id<'arq'> = `arq_01JD9Z7V8M0000000000000001`

  const steps = createSteps({
    approver: {
      announce: async (one) => { await before['announce']?.(); done.push(`announce ${one}`) },
      pending: async (one) => { await before['pending']?.(); done.push(`pending ${one}`); return world.get(one) === 'pending' },
      proceed: async (one) => {
        await before['proceed']?.()
        done.push(`proceed ${one}`)
        if (world.get(one) === 'approved') world.set(one, 'succeeded')
        if (world.get(one) === 'pending' && clock.time.now() >= expiresAt) world.set(one, 'expired')
        return world.get(one) ?? 'expired'
      },
      tell: async (one) => { done.push(`tell ${one} ${world.get(one)}`) },
    },
    workflow: { register: (one, token) => workflow.register(one, token), wake: (one) => workflow.wake(one) },
  })
  let expiresAt: number
  const told = () => done.filter((what) => what.startsWith('tell'))
  const count = (what: string) => done.filter((one) => one.startsWith(what)).length
  async function up(): Promise<void> {
    server = await startStepFunctions({ directory, credentials, time: clock.time, random: () => 1, alarm: () => {}, graceMs: 50 })
    sfn = sdkSfn({ region: 'local', endpoint: server.url, credentials })
    const client = new SFNClient({ region: 'local', endpoint: server.url, credentials })
    stateMachineArn = (await client.send(new CreateStateMachineCommand({ name: 'approval', definition: approvalDefinition(functionArn), roleArn: 'r' }))).stateMachineArn ?? ''
    client.destroy()
    workflow = createWorkflow({ sfn, dynamo: rig.dynamo, stateMachineArn, now: clock.time.now })
    server.run(new Map([[functionArn, steps]]))
  }
  async function down(): Promise<void> { sfn.close(); await server.close() }
  /** Until real servers have answered: no timer of the machine is moved. */
  async function until(holds: () => boolean): Promise<void> {
    await expect.poll(async () => { await settle(); return holds() || done.join('; ') }, { interval: 2 }).toBe(true)
  }
  /** Time passes as fast as what it sets off is answered. */
  async function pass(ms: number, holds: () => boolean): Promise<void> {
    await clock.pass(ms)
    await until(holds)
  }
  beforeEach(async () => {
    rig = await createRig('signed')
    directory = mkdtempSync(join(tmpdir(), 'sluice-workflow-'))
    clock = createTime()
    expiresAt = clock.time.now() + 1_800_000
    world = new Map([[id, 'pending']])
    done = []
    before = {}
    await up()
  })
  afterEach(async () => { await down(); await rig.close(); rmSync(directory, { recursive: true, force: true }) })

  test('waits, and goes on the moment the request left pending', async () => {
    await workflow.start(id, expiresAt)
    await until(() => count('pending') === 1)
    world.set(id, 'approved')
    await workflow.wake(id)
    await until(() => told().length === 1)
    expect(done).toEqual([`announce ${id}`, `pending ${id}`, `proceed ${id}`, `tell ${id} succeeded`])
  })

  test('started twice, at once and after its end, it runs once', async () => {
    await Promise.all([workflow.start(id, expiresAt), workflow.start(id, expiresAt), workflow.start(id, expiresAt + 5)])
    await until(() => count('pending') === 1)
    world.set(id, 'rejected')
    await workflow.wake(id)
    await until(() => told().length === 1)
    await workflow.start(id, expiresAt)
    await settle()
    expect(count('announce')).toBe(1)
  })

  test('a wake before anything waits is success, and the wait that then begins ends by itself', async () => {
    await workflow.wake(id)
    before['announce'] = async () => { world.set(id, 'approved'); await workflow.wake(id) }
    await workflow.start(id, expiresAt)
    await until(() => told().length === 1)
    expect(told()).toEqual([`tell ${id} succeeded`])
  })

  test('a wake between the token\'s keeping and the look at the request is enough', async () => {
    before['pending'] = async () => { before = {}; await workflow.wake(id); await workflow.wake(id) }
    await workflow.start(id, expiresAt)
    await until(() => count('proceed') >= 1)                  // it was pending when looked at: so it waits again
    world.set(id, 'cancelled')
    await until(() => count('pending') >= 2)
    await workflow.wake(id)
    await until(() => told().length === 1)
    expect(told()).toEqual([`tell ${id} cancelled`])
  })

  test('woken many times at once, and again after the end, it proceeds once', async () => {
    await workflow.start(id, expiresAt)
    await until(() => count('pending') === 1)
    world.set(id, 'approved')
    await Promise.all(Array.from({ length: 8 }, () => workflow.wake(id)))
    await until(() => told().length === 1)
    await workflow.wake(id)
    expect([count('proceed'), count('tell')]).toEqual([1, 1])
  })

  test('a wake after the time ran out is success and changes nothing', async () => {
    await workflow.start(id, expiresAt)
    await until(() => count('pending') === 1)
    await settle()
    await pass(1_800_000, () => told().length === 1)
    expect(told()).toEqual([`tell ${id} expired`])
    await workflow.wake(id)
    expect(count('proceed')).toBe(1)
  })

  test('a server that restarts between start and wake is woken by the token it gave before', async () => {
    await workflow.start(id, expiresAt)
    await until(() => count('pending') === 1)
    await settle()
    await down()
    await up()
    world.set(id, 'approved')
    await workflow.wake(id)
    await until(() => told().length === 1)
    expect(count('pending')).toBe(1)
  })

  test('a function that dies between keeping the token and looking is called again, and neither token is lost', async () => {
    let dies = true
    before['pending'] = async () => { if (dies) { dies = false; throw new Error('gone') } }
    await workflow.start(id, expiresAt)
    await until(() => !dies)
    await settle()
    await pass(5000, () => count('pending') === 1)
    const { Item } = await rig.dynamo('GetItem', { TableName: 'sluice-state', Key: { pk: { S: `task#${id}` } } })
    expect(Item?.['tokens']?.L).toHaveLength(2)
    world.set(id, 'approved')
    await workflow.wake(id)
    await until(() => told().length === 1)
    expect((await rig.dynamo('GetItem', { TableName: 'sluice-state', Key: { pk: { S: `task#${id}` } } })).Item).toBeUndefined()
  })

  test('a process killed in that moment: the restart calls the wait again with the same token, kept once', async () => {
    before['pending'] = () => new Promise(() => {})
    await workflow.start(id, expiresAt)
    await until(() => count('announce') === 1)
    await expect.poll(async () => (await rig.dynamo('GetItem', { TableName: 'sluice-state', Key: { pk: { S: `task#${id}` } } })).Item, { interval: 2 }).toBeDefined()
    await down()
    world.set(id, 'approved')
    before = {}
    await up()
    await until(() => told().length === 1)
    expect([count('announce'), told()]).toEqual([1, [`tell ${id} succeeded`]])
  })

  test('a step delivered twice, late, or out of turn does no harm', async () => {
    await workflow.start(id, expiresAt)
    await until(() => count('pending') === 1)
    await settle()
    const { Item } = await rig.dynamo('GetItem', { TableName: 'sluice-state', Key: { pk: { S: `task#${id}` } } })
    const token = Item?.['tokens']?.L?.[0]?.S ?? ''
    await Promise.all([steps({ step: 'wait', request: id, token }), steps({ step: 'wait', request: id, token }), steps({ step: 'proceed', request: id }), steps({ step: 'announce', request: id })])
    expect((await rig.dynamo('GetItem', { TableName: 'sluice-state', Key: { pk: { S: `task#${id}` } } })).Item?.['tokens']?.L).toHaveLength(1)
    world.set(id, 'approved')
    await Promise.all([steps({ step: 'wait', request: id, token }), workflow.wake(id)])
    await until(() => told().length === 1)
    await steps({ step: 'wait', request: id, token })           // delivered once more after the end
    expect(told()).toEqual([`tell ${id} succeeded`])
  })

  test('the wake of one request ends no other\'s wait', async () => {
    const other: Id<'arq'> = 'arq_01JD9Z7V8M0000000000000002'
    world.set(other, 'pending')
    await workflow.start(id, expiresAt)
    await workflow.start(other, expiresAt)
    await until(() => count('pending') === 2)
    world.set(id, 'approved')
    world.set(other, 'approved')
    await workflow.wake(id)
    await until(() => told().length === 1)
    await settle()
    expect(told()).toEqual([`tell ${id} succeeded`])
  })

  test('when the store does not answer, start, wake and the keeping of a token say so; what began goes on when it does', async () => {
    await workflow.start(id, expiresAt)
    await until(() => count('pending') === 1)
    await settle()
    rig.break({ before: 'error' })
    await expect(workflow.wake(id)).rejects.toMatchObject({ code: 'store-unavailable' })
    await expect(workflow.register(id, 'x')).rejects.toMatchObject({ code: 'store-unavailable' })
    rig.heal()
    world.set(id, 'approved')
    await workflow.wake(id)
    await until(() => told().length === 1)
    await server.close()
    await expect(workflow.start(`arq_${'0'.repeat(26)}`, expiresAt)).rejects.toMatchObject({ code: 'store-unavailable' })
  })

  test('a write of the token that was stored, its answer lost, knows itself; a hundred attempts do not fill the item', async () => {
    rig.break({ after: 'drop' }, { operation: 'UpdateItem', only: 1 })
    await workflow.register(id, 'one')
    const kept = async () => (await rig.dynamo('GetItem', { TableName: 'sluice-state', Key: { pk: { S: `task#${id}` } } })).Item?.['tokens']?.L?.map(({ S }) => S) ?? []
    expect(await kept()).toEqual(['one'])
    await workflow.register(id, 't1')
    await workflow.register(id, 'one')
    expect(await kept()).toEqual(['one', 't1'])
    for (let i = 2; i < 100; i++) await workflow.register(id, `t${i}`)
    expect(await kept()).toHaveLength(100)
    await workflow.register(id, 'last')
    expect(await kept()).toEqual(['last'])
  })

  test('no error tells a token, whoever refuses it', async () => {
    const secret = `${randomUUID()}${'x'.repeat(3000)}`
    const seen: unknown[] = []
    await steps({ step: 'wait', request: id, token: secret }).catch((error: unknown) => seen.push(error))
    await steps({ step: 'wait', request: id, token: { [secret]: secret } }).catch((error: unknown) => seen.push(error))
    await steps({ step: secret, request: id }).catch((error: unknown) => seen.push(error))
    await steps({ step: 'announce', request: id, token: secret }).catch((error: unknown) => seen.push(error))
    await sfn.succeed({ taskToken: secret, output: '{}' }).catch((error: unknown) => seen.push(error))
    await workflow.register(id, secret)
    await workflow.wake(id).catch((error: unknown) => seen.push(error))
    expect(seen).toHaveLength(6)
    const told = (error: unknown): string => error instanceof Error ? `${error.name} ${error.message} ${error.stack} ${JSON.stringify(error)} ${told(error.cause)}` : JSON.stringify(error)
    for (const error of seen) expect(told(error)).not.toContain(secret.slice(0, 36))
  })
})

describe('a step', () => {
  const id = 'arq_01JD9Z7V8M0000000000000001'
  const steps = (status: Status) => createSteps({ approver: { announce: async () => {}, pending: async () => true, proceed: async () => status, tell: async () => {} }, workflow: { register: async () => {}, wake: async () => {} } })
  test.each([
    null, 'announce', {}, { step: 'announce' }, { step: 'announce', request: 'arq_1' }, { step: 'announce', request: `${id}\n` }, { step: 'announce', request: id.toLowerCase() }, { step: 'execute', request: id },
    { step: 'announce', request: id, token: 'x' }, { step: 'wait', request: id }, { step: 'wait', request: id, token: '' }, { step: 'proceed', request: id, status: 'approved' }, { step: 'constructor', request: id },
    { step: 'tell', request: [id] }, [{ step: 'tell', request: id }],
  ])('that is not one is refused: %j', async (event) => {
    await expect(steps('pending')(event)).rejects.toThrow(TypeError)
  })
  test('that finds the request under way asks to be called again; with an end, or people still having time, it says so', async () => {
    for (const status of ['approved', 'executing'] as const) await expect(steps(status)({ step: 'proceed', request: id })).rejects.toMatchObject({ name: 'Unfinished' })
    for (const status of ['pending', 'succeeded', 'outcome-unknown'] as const) expect(await steps(status)({ step: 'proceed', request: id })).toEqual({ status })
  })
})
