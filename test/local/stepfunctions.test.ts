import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  CreateStateMachineCommand, DescribeExecutionCommand, ListExecutionsCommand, SendTaskFailureCommand, SendTaskHeartbeatCommand, SendTaskSuccessCommand, SFNClient, StartExecutionCommand,
  StopExecutionCommand, UpdateStateMachineCommand,
} from '@aws-sdk/client-sfn'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createEngine } from '../../functions/local/stepfunctions/engine.ts'
import { openJournal } from '../../functions/local/stepfunctions/journal.ts'
import { createTokens } from '../../functions/local/stepfunctions/token.ts'
import { approvalDefinition } from '../../infra/approval.ts'
import { type Calls, createMachine, functionArn, settle } from './machine.ts'

type Machine = Awaited<ReturnType<typeof createMachine>>
let machine: Machine
let calls: Calls[]
/** What the next call of a step does, where it is not simply done. */
let does: Partial<Record<string, (call: Calls, signal: AbortSignal) => unknown>>
const steps = () => calls.map(({ step }) => step)
const tokens = () => calls.flatMap(({ token }) => token ?? [])
const fail = (name: string) => () => { throw Object.assign(new Error('the reason'), { name }) }

async function handler(event: unknown, signal: AbortSignal): Promise<unknown> {
  const call = event as Calls
  calls.push(call)
  const answer = await does[call.step]?.(call, signal)
  return answer ?? (call.step === 'proceed' ? { status: 'succeeded' } : {})
}
beforeEach(async () => {
  calls = []
  does = {}
  machine = await createMachine(handler)
})
afterEach(() => machine.gone())
const succeed = (token: string | undefined) => machine.client.send(new SendTaskSuccessCommand({ taskToken: token ?? '', output: '{}' }))

describe('the way of a request', () => {
  test('people are told, it waits, and after the word the gate proceeds and tells', async () => {
    await machine.start('arq_A')
    await machine.clock.pass(60_000)
    expect(steps()).toEqual(['announce', 'wait'])
    expect(await machine.status('arq_A')).toBe('RUNNING')
    await succeed(tokens()[0])
    await settle()
    expect(steps()).toEqual(['announce', 'wait', 'proceed', 'tell'])
    expect(calls.map(({ request }) => request)).toEqual(['arq_A', 'arq_A', 'arq_A', 'arq_A'])
    expect(calls.filter(({ step }) => step !== 'wait').every((call) => !('token' in call))).toBe(true)
    expect(await machine.client.send(new DescribeExecutionCommand({ executionArn: machine.executionArn('arq_A') }))).toMatchObject({ status: 'SUCCEEDED', name: 'arq_A', output: expect.stringContaining('"status":"succeeded"') as string })
  })

  test('when nobody speaks the wait ends with the request\'s time, not before, and the gate proceeds to judge it', async () => {
    await machine.start('arq_A', 1_800_000)
    await machine.clock.pass(1_799_000)
    expect(steps()).toEqual(['announce', 'wait'])
    await machine.clock.pass(1000)
    expect(steps()).toEqual(['announce', 'wait', 'proceed', 'tell'])
  })

  test('a request that is still pending when the gate looks is waited for again', async () => {
    let looks = 0
    does = { proceed: () => ({ status: looks++ === 0 ? 'pending' : 'expired' }) }
    await machine.start('arq_A', 10_000)
    await machine.clock.pass(10_000)
    expect(steps()).toEqual(['announce', 'wait', 'proceed', 'wait'])
    await machine.clock.pass(1000)
    expect(steps()).toEqual(['announce', 'wait', 'proceed', 'wait', 'proceed', 'tell'])
  })

  test('one that stays pending for ever ends after its rounds', async () => {
    does = { proceed: () => ({ status: 'pending' }) }
    await machine.start('arq_A', 1)
    await machine.clock.pass(3_600_000)
    expect(steps().filter((step) => step === 'wait')).toHaveLength(50)
    expect(steps().at(-1)).toBe('tell')
  })

  test('messages that cannot be sent hold nothing up, before or after', async () => {
    does = { announce: fail('Fault'), tell: fail('Fault') }
    await machine.start('arq_A')
    await machine.clock.pass(120_000)
    expect(steps().filter((step) => step === 'announce')).toHaveLength(4)
    expect(steps().at(-1)).toBe('wait')
    await succeed(tokens()[0])
    await machine.clock.pass(600_000)
    expect(steps().filter((step) => step === 'tell')).toHaveLength(6)
    expect(await machine.status('arq_A')).toBe('SUCCEEDED')
  })

  test('a wait that cannot begin is tried again with another token, then left to the gate, then begun again', async () => {
    does = { wait: fail('Fault'), proceed: () => ({ status: 'pending' }) }
    await machine.start('arq_A')
    await machine.clock.pass(250_000)
    expect(steps().slice(0, 12)).toEqual(['announce', ...Array<string>(9).fill('wait'), 'proceed', 'wait'])
    expect(new Set(tokens()).size).toBe(tokens().length)
    expect(tokens().length).toBeGreaterThan(9)
  })

  test('a step that fails whatever is tried is come back to', async () => {
    does = { proceed: fail('Fault') }
    await machine.start('arq_A')
    await settle()
    await succeed(tokens()[0])
    await machine.clock.pass(400_000)
    does = {}
    await succeed(tokens()[1])
    await settle()
    expect(steps().slice(-3)).toEqual(['wait', 'proceed', 'tell'])
  })

  test('a throttled call is tried by its own rule, later each time', async () => {
    const at: number[] = []
    does = { announce: () => { at.push(machine.clock.time.now()); return fail('TooManyRequestsException')() } }
    await machine.start('arq_A')
    await machine.clock.pass(100_000)
    expect(at.map((moment, i) => moment - (at[i - 1] ?? moment))).toEqual([0, 2000, 6000, 18_000])
  })
})

describe('task tokens', () => {
  test('one opens once, and says afterwards that it is over', async () => {
    await machine.start('arq_A')
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
    const engine = createEngine({ journal, tokens: known, time: machine.clock.time, random: () => 1, machineOf: (arn) => ({ arn, name: 'm', roleArn: 'r', definition: '', createdAt: 0, updatedAt: 0 }), alarm: () => {} })
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
    does = { wait: () => { if (!once) { once = true; fail('Fault')() } } }
    await machine.start('arq_A', 60_000)
    await machine.clock.pass(10_000)
    expect(tokens()).toHaveLength(2)
    await expect(succeed(tokens()[0])).rejects.toMatchObject({ name: 'TaskTimedOut' })
    machine.clock.skip(51_000)
    await expect(succeed(tokens()[1])).rejects.toMatchObject({ name: 'TaskTimedOut' })
  })

  test('none can be made, bent or written in another way', async () => {
    await machine.start('arq_A')
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
    await machine.start('arq_A')
    await other.start('arq_A')
    await settle()
    const [ours, theirs] = tokens()
    expect(ours).not.toBe(theirs)
    await expect(other.client.send(new SendTaskSuccessCommand({ taskToken: ours ?? '', output: '{}' }))).rejects.toMatchObject({ name: 'InvalidToken' })
    await other.gone()
  })

  test('a success that comes before the function is back is kept, and the late function undoes nothing', async () => {
    let back: () => void = () => {}
    does = { wait: () => new Promise<void>((_, reject) => { back = () => reject(new Error('late')) }) }
    await machine.start('arq_A')
    await settle()
    await succeed(tokens()[0])
    await settle()
    expect(steps()).toEqual(['announce', 'wait', 'proceed', 'tell'])
    back()
    await machine.clock.pass(600_000)
    expect(steps()).toEqual(['announce', 'wait', 'proceed', 'tell'])
  })

  test('a failure sent by token is a failed wait; a heartbeat changes nothing', async () => {
    await machine.start('arq_A')
    await settle()
    await machine.client.send(new SendTaskHeartbeatCommand({ taskToken: tokens()[0] ?? '' }))
    await expect(machine.client.send(new SendTaskHeartbeatCommand({ taskToken: 'x' }))).rejects.toMatchObject({ name: 'InvalidToken' })
    await machine.client.send(new SendTaskFailureCommand({ taskToken: tokens()[0] ?? '', error: 'Own', cause: 'because' }))
    await machine.clock.pass(3000)
    expect(steps()).toEqual(['announce', 'wait', 'wait'])
    await expect(machine.client.send(new SendTaskHeartbeatCommand({ taskToken: tokens()[0] ?? '' }))).rejects.toMatchObject({ name: 'TaskTimedOut' })
  })

  test('what a token brings along reaches no later step', async () => {
    await machine.start('arq_A')
    await settle()
    await machine.client.send(new SendTaskSuccessCommand({ taskToken: tokens()[0] ?? '', output: '{"request":"arq_B","status":"pending"}' }))
    await settle()
    expect(calls.map(({ request }) => request)).toEqual(['arq_A', 'arq_A', 'arq_A', 'arq_A'])
    await expect(machine.client.send(new SendTaskSuccessCommand({ taskToken: 'x', output: 'no json' }))).rejects.toMatchObject({ name: 'InvalidOutput' })
  })

  test('no token is in a file, an alarm, or what can be asked of the server', async () => {
    await machine.start('arq_A')
    await settle()
    const [token = 'none'] = tokens()
    const files = readdirSync(machine.directory, { recursive: true, withFileTypes: true }).filter((file) => file.isFile()).map((file) => readFileSync(join(file.parentPath, file.name), 'utf8'))
    const seen = JSON.stringify([files, machine.alarms, await machine.client.send(new DescribeExecutionCommand({ executionArn: machine.executionArn('arq_A') }))])
    expect(seen).not.toContain(token)
    expect(seen).not.toContain(token.slice(-43))
  })
})

describe('names and words of the service', () => {
  test('a name is good for one execution: the same input finds it while it runs, anything else is told so', async () => {
    const first = await machine.start('arq_A')
    expect(await machine.start('arq_A')).toMatchObject({ executionArn: first.executionArn, startDate: first.startDate })
    await expect(machine.start('arq_A', 5)).rejects.toMatchObject({ name: 'ExecutionAlreadyExists' })
    await settle()
    expect(steps()).toEqual(['announce', 'wait'])
    await succeed(tokens()[0])
    await settle()
    await expect(machine.start('arq_A')).rejects.toMatchObject({ name: 'ExecutionAlreadyExists' })
  })

  test('what is not there, not a name or not served has its own word', async () => {
    const { client, stateMachineArn } = machine
    await expect(client.send(new StartExecutionCommand({ stateMachineArn: `${stateMachineArn}x` }))).rejects.toMatchObject({ name: 'StateMachineDoesNotExist' })
    for (const name of ['', 'a b', 'a/b', 'a*', 'x'.repeat(81), 'a\u0000']) await expect(client.send(new StartExecutionCommand({ stateMachineArn, name })), name).rejects.toMatchObject({ name: 'InvalidName' })
    await expect(client.send(new StartExecutionCommand({ stateMachineArn, input: '{' }))).rejects.toMatchObject({ name: 'InvalidExecutionInput' })
    await expect(client.send(new StartExecutionCommand({ stateMachineArn, input: JSON.stringify('x'.repeat(300_000)) }))).rejects.toMatchObject({ name: 'InvalidExecutionInput' })
    await expect(client.send(new DescribeExecutionCommand({ executionArn: machine.executionArn('none') }))).rejects.toMatchObject({ name: 'ExecutionDoesNotExist' })
    await expect(client.send(new DescribeExecutionCommand({ executionArn: '../../key' }))).rejects.toMatchObject({ name: 'ExecutionDoesNotExist' })
    await expect(client.send(new ListExecutionsCommand({ stateMachineArn: 'x' }))).rejects.toMatchObject({ name: 'StateMachineDoesNotExist' })
  })

  test('names that are alike to a file system are two executions', async () => {
    for (const name of ['arq_A', 'arq_a', '..', '.']) await machine.start(name)
    await settle()
    expect((await machine.client.send(new ListExecutionsCommand({ stateMachineArn: machine.stateMachineArn }))).executions).toHaveLength(4)
  })

  test('executions are listed by status, in pages, newest first', async () => {
    for (const name of ['a', 'b', 'c']) { await machine.start(name); machine.clock.skip(10) }
    await settle()
    await machine.client.send(new StopExecutionCommand({ executionArn: machine.executionArn('b'), error: 'Enough', cause: 'of it' }))
    const list = (more: object) => machine.client.send(new ListExecutionsCommand({ stateMachineArn: machine.stateMachineArn, ...more }))
    expect((await list({ statusFilter: 'RUNNING' })).executions?.map(({ name }) => name)).toEqual(['c', 'a'])
    const page = await list({ maxResults: 2 })
    expect(page.executions?.map(({ name }) => name)).toEqual(['c', 'b'])
    expect((await list({ maxResults: 2, nextToken: page.nextToken })).executions?.map(({ name }) => name)).toEqual(['a'])
    expect(await machine.client.send(new DescribeExecutionCommand({ executionArn: machine.executionArn('b') }))).toMatchObject({ status: 'ABORTED', error: 'Enough', cause: 'of it' })
    await machine.clock.pass(4_000_000)
    expect(calls.filter(({ request, step }) => request === 'b' && step === 'proceed')).toEqual([])
  })

  test('a machine is made once; another definition under its name is refused, and an update holds for those begun after it', async () => {
    const made = { name: 'approval', definition: approvalDefinition(functionArn), roleArn: 'arn:aws:iam::000000000000:role/local' }
    expect(await machine.client.send(new CreateStateMachineCommand(made))).toMatchObject({ stateMachineArn: machine.stateMachineArn })
    const other = approvalDefinition(`${functionArn}-2`)
    await expect(machine.client.send(new CreateStateMachineCommand({ ...made, definition: other }))).rejects.toMatchObject({ name: 'StateMachineAlreadyExists' })
    await machine.start('arq_A')
    await settle()
    await machine.client.send(new UpdateStateMachineCommand({ stateMachineArn: machine.stateMachineArn, definition: other }))
    await machine.start('arq_B')
    await succeed(tokens()[0])
    await settle()
    expect(calls.filter(({ request }) => request === 'arq_A').map(({ step }) => step)).toEqual(['announce', 'wait', 'proceed', 'tell'])
    expect(calls.filter(({ request }) => request === 'arq_B')).toEqual([])
  })
})

describe('what it does not know, it refuses', () => {
  const base = JSON.parse(approvalDefinition(functionArn)) as { States: Record<string, Record<string, unknown>> }
  const changed = (change: (definition: typeof base) => unknown) => { const copy = structuredClone(base); change(copy); return copy }
  test.each<[string, unknown]>([
    ['no JSON', '{'], ['an unknown field above', changed((d) => Object.assign(d, { TimeoutSeconds: 5 }))], ['JSONPath', changed((d) => Object.assign(d, { QueryLanguage: 'JSONPath' }))],
    ['a heartbeat', changed((d) => { d.States['Wait']!['HeartbeatSeconds'] = 5 })], ['a state of another kind', changed((d) => { d.States['Done'] = { Type: 'Pass', End: true } })],
    ['an assignment', changed((d) => { d.States['Tell']!['Assign'] = {} })], ['another service', changed((d) => { d.States['Tell']!['Resource'] = 'arn:aws:states:::sqs:sendMessage' })],
    ['a way to nowhere', changed((d) => { d.States['Tell']!['Next'] = 'Nowhere' })], ['a way to what every object has', changed((d) => { d.States['Tell']!['Next'] = 'constructor' })],
    ['a state nothing leads to', changed((d) => { d.States['Lost'] = { Type: 'Succeed' } })], ['a broken expression', changed((d) => { d.States['Tell']!['Output'] = '{% $merge( %}' })],
    ['half an expression', changed((d) => { d.States['Tell']!['Output'] = 'x {% 1 %}' })], ['no time limit', changed((d) => { delete d.States['Wait']!['TimeoutSeconds'] })],
    ['a time limit of nothing', changed((d) => { d.States['Wait']!['TimeoutSeconds'] = 0 })], ['a rule after the one for all', changed((d) => { d.States['Tell']!['Catch'] = [{ ErrorEquals: ['States.ALL'], Next: 'Done' }, { ErrorEquals: ['X'], Next: 'Done' }] })],
  ])('%s', async (_, definition) => {
    await expect(machine.client.send(new CreateStateMachineCommand({ name: 'other', definition: typeof definition === 'string' ? definition : JSON.stringify(definition), roleArn: 'r' }))).rejects.toMatchObject({ name: 'InvalidDefinition' })
  })
})

describe('who may ask', () => {
  const send = (headers: Record<string, string>, body = '{}') => fetch(machine.server.url, { method: 'POST', body, headers: { 'x-amz-target': 'AWSStepFunctions.ListExecutions', ...headers } })
  test('nobody without the credentials of this run, for this service', async () => {
    for (const wrong of [{ ...({ accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'other' }) }, { accessKeyId: 'OTHER', secretAccessKey: 'x' }]) {
      const client = new SFNClient({ region: 'local', endpoint: machine.server.url, credentials: wrong, maxAttempts: 1 })
      await expect(client.send(new ListExecutionsCommand({ stateMachineArn: machine.stateMachineArn }))).rejects.toMatchObject({ name: expect.stringMatching(/Signature|UnrecognizedClient/) as string })
      client.destroy()
    }
    expect((await send({})).status).toBe(400)
    expect((await send({ authorization: `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261122/local/dynamodb/aws4_request, SignedHeaders=host, Signature=${'0'.repeat(64)}` })).status).toBe(400)
    expect((await send({ origin: 'http://evil.example' })).status).toBe(403)
    expect(calls).toEqual([])
  })
})

describe('functions', () => {
  test('one that never comes back is given up, told so, and tried again', async () => {
    let told = 0
    does = { announce: (_, signal) => new Promise(() => { signal.addEventListener('abort', () => { told++ }) }) }
    await machine.start('arq_A')
    await machine.clock.pass(59_000)
    expect(steps()).toEqual(['announce'])
    await machine.clock.pass(600_000)
    expect(steps().at(-1)).toBe('wait')
    expect(steps().filter((step) => step === 'announce')).toHaveLength(4)
    expect(told).toBeGreaterThan(0)
  })

  test('one that says no word the machine knows is asked again', async () => {
    let times = 0
    does = { proceed: () => ({ status: times++ === 0 ? undefined : 'approved-and-more', other: () => 1 }), wait: ({ token }) => { if (tokens().length > 1 && times < 3) void succeed(token) } }
    await machine.start('arq_A')
    await settle()
    await succeed(tokens()[0])
    await machine.clock.pass(1)
    expect(steps().slice(0, 7)).toEqual(['announce', 'wait', 'proceed', 'wait', 'proceed', 'wait', 'proceed'])
    expect(steps()).not.toContain('tell')
  })

  test('at most so many are called at once, and one whose turn comes too late is not called', async () => {
    await machine.gone()
    machine = await createMachine(handler, { concurrency: 2 })
    let busy = 0
    let most = 0
    const open: (() => void)[] = []
    does = { announce: async () => { most = Math.max(most, ++busy); await new Promise<void>((resolve) => { open.push(resolve) }); busy-- } }
    for (const name of ['a', 'b', 'c', 'd']) await machine.start(name)
    await settle()
    expect([busy, calls.length]).toEqual([2, 2])
    await machine.client.send(new StopExecutionCommand({ executionArn: machine.executionArn('c') }))
    for (let i = 0; i < 4; i++) { for (const release of open.splice(0)) release(); await settle() }
    expect(most).toBe(2)
    expect(calls.filter(({ step }) => step === 'announce').map(({ request }) => request)).toEqual(['a', 'b', 'd'])
  })
})

describe('what is damaged is said, not guessed', () => {
  test('a cut document, a changed definition, a key of another length, a file that is none', async () => {
    await machine.start('arq_A')
    await settle()
    await machine.down()
    const damaged = async (text: string, back: string, words: RegExp) => {
      machine.sql(text)
      await expect(machine.up()).rejects.toThrow(words)
      machine.sql(back)
    }
    await damaged("UPDATE execution SET document = document || '}'", 'UPDATE execution SET document = substr(document, 1, length(document) - 1)', /the requests that wait, in `.*`, cannot be read/)
    await damaged(`UPDATE definition SET text = replace(text, '"wait"', '"proceed"')`, `UPDATE definition SET text = replace(text, '"step":"proceed","request":"{% $states.input.request %}","token"', '"step":"wait","request":"{% $states.input.request %}","token"')`, /damaged/)
    await damaged('CREATE TABLE old AS SELECT * FROM key; UPDATE key SET bytes = x\'00\'', 'UPDATE key SET bytes = (SELECT bytes FROM old); DROP TABLE old', /damaged/)
    await machine.up()
    await succeed(tokens()[0])
    await machine.down()
    const file = join(machine.directory, 'executions.db')
    const whole = readFileSync(file)
    writeFileSync(file, Buffer.alloc(whole.length, 1))
    await expect(machine.up()).rejects.toThrow(/the requests that wait, in `.*`, cannot be read/)
    writeFileSync(file, whole)
    await machine.up()
  })
})
