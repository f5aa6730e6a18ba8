import { CreateStateMachineCommand, DescribeExecutionCommand, ListExecutionsCommand, SFNClient, StartExecutionCommand, StopExecutionCommand, UpdateStateMachineCommand } from '@aws-sdk/client-sfn'
import { describe, expect, test } from 'vitest'
import { approvalDefinition } from '../../infra/approval.ts'
import { functionArn, settle } from './machine.ts'
import { at, machineEach, steps, succeed, tokens } from './steps.ts'

machineEach()

describe('names and words of the service', () => {
  test('a name is good for one execution: the same input finds it while it runs, anything else is told so', async () => {
    const first = await at.machine.start('arq_A')
    expect(await at.machine.start('arq_A')).toMatchObject({ executionArn: first.executionArn, startDate: first.startDate })
    await expect(at.machine.start('arq_A', 5)).rejects.toMatchObject({ name: 'ExecutionAlreadyExists' })
    await settle()
    expect(steps()).toEqual(['announce', 'wait'])
    await succeed(tokens()[0])
    await settle()
    await expect(at.machine.start('arq_A')).rejects.toMatchObject({ name: 'ExecutionAlreadyExists' })
  })

  test('what is not there, not a name or not served has its own word', async () => {
    const { client, stateMachineArn } = at.machine
    await expect(client.send(new StartExecutionCommand({ stateMachineArn: `${stateMachineArn}x` }))).rejects.toMatchObject({ name: 'StateMachineDoesNotExist' })
    for (const name of ['', 'a b', 'a/b', 'a*', 'x'.repeat(81), 'a\u0000']) await expect(client.send(new StartExecutionCommand({ stateMachineArn, name })), name).rejects.toMatchObject({ name: 'InvalidName' })
    await expect(client.send(new StartExecutionCommand({ stateMachineArn, input: '{' }))).rejects.toMatchObject({ name: 'InvalidExecutionInput' })
    await expect(client.send(new StartExecutionCommand({ stateMachineArn, input: JSON.stringify('x'.repeat(300_000)) }))).rejects.toMatchObject({ name: 'InvalidExecutionInput' })
    await expect(client.send(new DescribeExecutionCommand({ executionArn: at.machine.executionArn('none') }))).rejects.toMatchObject({ name: 'ExecutionDoesNotExist' })
    await expect(client.send(new DescribeExecutionCommand({ executionArn: '../../key' }))).rejects.toMatchObject({ name: 'ExecutionDoesNotExist' })
    await expect(client.send(new ListExecutionsCommand({ stateMachineArn: 'x' }))).rejects.toMatchObject({ name: 'StateMachineDoesNotExist' })
  })

  test('names that are alike to a file system are two executions', async () => {
    for (const name of ['arq_A', 'arq_a', '..', '.']) await at.machine.start(name)
    await settle()
    expect((await at.machine.client.send(new ListExecutionsCommand({ stateMachineArn: at.machine.stateMachineArn }))).executions).toHaveLength(4)
  })

  test('executions are listed by status, in pages, newest first', async () => {
    for (const name of ['a', 'b', 'c']) { await at.machine.start(name); at.machine.clock.skip(10) }
    await settle()
    await at.machine.client.send(new StopExecutionCommand({ executionArn: at.machine.executionArn('b'), error: 'Enough', cause: 'of it' }))
    const list = (more: object) => at.machine.client.send(new ListExecutionsCommand({ stateMachineArn: at.machine.stateMachineArn, ...more }))
    expect((await list({ statusFilter: 'RUNNING' })).executions?.map(({ name }) => name)).toEqual(['c', 'a'])
    const page = await list({ maxResults: 2 })
    expect(page.executions?.map(({ name }) => name)).toEqual(['c', 'b'])
    expect((await list({ maxResults: 2, nextToken: page.nextToken })).executions?.map(({ name }) => name)).toEqual(['a'])
    expect(await at.machine.client.send(new DescribeExecutionCommand({ executionArn: at.machine.executionArn('b') }))).toMatchObject({ status: 'ABORTED', error: 'Enough', cause: 'of it' })
    await at.machine.clock.pass(4_000_000)
    expect(at.calls.filter(({ request, step }) => request === 'b' && step === 'proceed')).toEqual([])
  })

  test('a machine is made once; another definition under its name is refused, and an update holds for those begun after it', async () => {
    const made = { name: 'approval', definition: approvalDefinition(functionArn), roleArn: 'arn:aws:iam::000000000000:role/local' }
    expect(await at.machine.client.send(new CreateStateMachineCommand(made))).toMatchObject({ stateMachineArn: at.machine.stateMachineArn })
    const other = approvalDefinition(`${functionArn}-2`)
    await expect(at.machine.client.send(new CreateStateMachineCommand({ ...made, definition: other }))).rejects.toMatchObject({ name: 'StateMachineAlreadyExists' })
    await at.machine.start('arq_A')
    await settle()
    await at.machine.client.send(new UpdateStateMachineCommand({ stateMachineArn: at.machine.stateMachineArn, definition: other }))
    await at.machine.start('arq_B')
    await succeed(tokens()[0])
    await settle()
    expect(at.calls.filter(({ request }) => request === 'arq_A').map(({ step }) => step)).toEqual(['announce', 'wait', 'proceed', 'tell'])
    expect(at.calls.filter(({ request }) => request === 'arq_B')).toEqual([])
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
    await expect(at.machine.client.send(new CreateStateMachineCommand({ name: 'other', definition: typeof definition === 'string' ? definition : JSON.stringify(definition), roleArn: 'r' }))).rejects.toMatchObject({ name: 'InvalidDefinition' })
  })
})

describe('who may ask', () => {
  const send = (headers: Record<string, string>, body = '{}') => fetch(at.machine.server.url, { method: 'POST', body, headers: { 'x-amz-target': 'AWSStepFunctions.ListExecutions', ...headers } })
  test('nobody without the credentials of this run, for this service', async () => {
    for (const wrong of [{ ...({ accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'other' }) }, { accessKeyId: 'OTHER', secretAccessKey: 'x' }]) {
      const client = new SFNClient({ region: 'local', endpoint: at.machine.server.url, credentials: wrong, maxAttempts: 1 })
      await expect(client.send(new ListExecutionsCommand({ stateMachineArn: at.machine.stateMachineArn }))).rejects.toMatchObject({ name: expect.stringMatching(/Signature|UnrecognizedClient/) as string })
      client.destroy()
    }
    expect((await send({})).status).toBe(400)
    expect((await send({ authorization: `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261122/local/dynamodb/aws4_request, SignedHeaders=host, Signature=${'0'.repeat(64)}` })).status).toBe(400)
    expect((await send({ origin: 'http://evil.example' })).status).toBe(403)
    expect(at.calls).toEqual([])
  })
})
