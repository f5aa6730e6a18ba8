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
import { type Runtime, startRuntime } from './runtime.ts'

/** The bundle that would be deployed, as the function behind the state machine that would be deployed. */
describe('the approval bundle behind its state machine', () => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-approval-'))
  let dynamo: Awaited<ReturnType<typeof startDynamo>>
  let machines: StepFunctions
  let store: ReturnType<typeof sdkDynamo>
  let arn: string
  let file: string
  let runtime: Runtime
  const steps: unknown[] = []
  const env = () => ({
    AWS_REGION: 'local', AWS_ACCESS_KEY_ID: credentials.accessKeyId, AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_ENDPOINT_URL_DYNAMODB: dynamo.url, AWS_ENDPOINT_URL_SFN: machines.url, SLUICE_PUBLIC_URL: 'https://gate.sluice.test', SLUICE_STATE_MACHINE: arn,
  })
  beforeAll(async () => {
    dynamo = await startDynamo({ directory: null, credentials })
    store = sdkDynamo({ region: 'local', endpoint: dynamo.url, credentials })
    await createTables(store)
    machines = await startStepFunctions({ directory: join(directory, 'machines'), credentials, alarm: () => {} })
    arn = await machines.define('approval', approvalDefinition(functionArn))
    const built = await bundle('approval', directory)
    file = built.file
    console.log(`approval bundle: ${(built.bytes / 1024).toFixed(0)} KB minified, ${(built.gzipBytes / 1024).toFixed(0)} KB gzipped`)
    runtime = await startRuntime(file, env())
    machines.run(new Map([[functionArn, async (event) => { steps.push((event as { step: string }).step); return await runtime.call(event) }]]))
  })
  afterAll(async () => {
    await runtime?.stop()
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
    await expect(runtime.call({ step: 'wait', request: 'arq_01JD9Z7V8M0000000000000001', token: '', secret: 'x' })).rejects.toMatchObject({ name: 'TypeError', message: expect.stringMatching(/^not a step: [a-z, ]+$/) as string })
  })

  test('does not come up without its machine', async () => {
    await expect(startRuntime(file, { ...env(), SLUICE_STATE_MACHINE: '' })).rejects.toThrow(/ended with 1:[^]*SLUICE_STATE_MACHINE must be the ARN/)
  })
})
