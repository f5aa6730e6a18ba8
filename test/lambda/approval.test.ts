import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DescribeExecutionCommand, SFNClient } from '@aws-sdk/client-sfn'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTables } from '../../functions/aws/tables.ts'
import { sdkDynamo } from '../../functions/aws/sdk.ts'
import { sdkSfn } from '../../functions/aws/sfn.ts'
import { createWorkflow } from '../../functions/aws/workflow.ts'
import { startDynamo } from '../../functions/local/dynamodb.ts'
import { startStepFunctions, type StepFunctions } from '../../functions/local/stepfunctions.ts'
import { approvalDefinition } from '../../infra/approval.ts'
import { bundle } from '../../infra/bundle.ts'
import { credentials, functionArn } from '../local/machine.ts'

/** The bundle that would be deployed, as the function behind the state machine that would be deployed. */
describe('the approval bundle behind its state machine', () => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-approval-'))
  let dynamo: Awaited<ReturnType<typeof startDynamo>>
  let machines: StepFunctions
  let store: ReturnType<typeof sdkDynamo>
  let arn: string
  let file: string
  let child: ChildProcess
  const steps: unknown[] = []
  const env = () => ({
    PATH: process.env['PATH'], AWS_REGION: 'local', AWS_ACCESS_KEY_ID: credentials.accessKeyId, AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_ENDPOINT_URL_DYNAMODB: dynamo.url, AWS_ENDPOINT_URL_SFN: machines.url, SLUICE_PUBLIC_URL: 'https://gate.sluice.test', SLUICE_STATE_MACHINE: arn,
  })
  let asked = 0
  async function invoke(event: unknown): Promise<unknown> {
    const id = ++asked
    child.send({ id, event: event as object })
    for (;;) {
      const [answer] = await once(child, 'message') as [{ id: number; value?: unknown; error?: { name: string; message: string } }]
      if (answer.id !== id) continue
      if (answer.error) throw Object.assign(new Error(answer.error.message), { name: answer.error.name })
      return answer.value
    }
  }
  beforeAll(async () => {
    dynamo = await startDynamo({ directory: null, credentials })
    store = sdkDynamo({ region: 'local', endpoint: dynamo.url, credentials })
    await createTables(store)
    machines = await startStepFunctions({ directory: join(directory, 'machines'), credentials, alarm: () => {} })
    arn = await machines.define('approval', approvalDefinition(functionArn))
    const built = await bundle('approval', directory)
    file = built.file
    console.log(`approval bundle: ${(built.bytes / 1024).toFixed(0)} KB minified, ${(built.gzipBytes / 1024).toFixed(0)} KB gzipped`)
    child = fork(join(import.meta.dirname, 'invoke.ts'), [file], { execPath: process.execPath, env: env() })
    await once(child, 'message')
    machines.run(new Map([[functionArn, async (event) => { steps.push((event as { step: string }).step); return await invoke(event) }]]))
  })
  afterAll(async () => {
    child?.kill('SIGKILL')
    await machines?.close()
    store?.close()
    await dynamo?.close()
    rmSync(directory, { recursive: true, force: true })
  })

  test('takes a request that is gone through every step to its end', async () => {
    const place = { region: 'local', endpoint: machines.url, credentials }
    const sfn = sdkSfn(place)
    await createWorkflow({ sfn, dynamo: store, stateMachineArn: arn, now: Date.now }).start('arq_01JD9Z7V8M0000000000000001', Date.now() + 3_600_000)
    const client = new SFNClient(place)
    const execution = () => client.send(new DescribeExecutionCommand({ executionArn: `${arn.replace(':stateMachine:', ':execution:')}:arq_01JD9Z7V8M0000000000000001` }))
    while ((await execution()).status === 'RUNNING') await new Promise((resolve) => { setTimeout(resolve, 20) })
    expect(await execution()).toMatchObject({ status: 'SUCCEEDED', output: expect.stringContaining('"status":"expired"') as string })
    expect(steps).toEqual(['announce', 'wait', 'proceed', 'tell'])
    client.destroy()
    sfn.close()
  })

  test('refuses what is no step, and says nothing of what came', async () => {
    await expect(invoke({ step: 'wait', request: 'arq_01JD9Z7V8M0000000000000001', token: '', secret: 'x' })).rejects.toMatchObject({ name: 'TypeError', message: expect.stringMatching(/^not a step: [a-z, ]+$/) as string })
  })

  test('does not come up without its machine', async () => {
    const lone = fork(join(import.meta.dirname, 'invoke.ts'), [file], { execPath: process.execPath, env: { ...env(), SLUICE_STATE_MACHINE: '' }, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
    let text = ''
    lone.stderr?.on('data', (chunk: Buffer) => { text += String(chunk) })
    const [code] = await once(lone, 'close') as [number]
    expect([code, text]).toEqual([1, expect.stringContaining('SLUICE_STATE_MACHINE must be the ARN')])
  })
})
