import { Fault } from '../ports.ts'
import type { Place } from './dynamo.ts'

/** The few Step Functions calls the gate makes: starting an execution, and ending a wait. Throws SfnError. */
export interface Sfn {
  start(input: { readonly stateMachineArn: string; readonly name: string; readonly input: string }): Promise<void>
  succeed(input: { readonly taskToken: string; readonly output: string }): Promise<void>
}
/** `type` is the service's own word, or `Timeout` or `Network`. Keeps neither the service's message nor the SDK's error: both can quote a task token. */
export class SfnError extends Fault {
  readonly type: string
  constructor(type: string) {
    super('store-unavailable', `step functions: ${type}`)
    this.name = 'SfnError'
    this.type = type
  }
}

/** By the SDK, loaded at the first call: most processes of the gate never ask a person. */
export function sdkSfn({ region, endpoint, credentials }: Place): Sfn & { close(): void } {
  let loaded: ReturnType<typeof load> | null = null
  async function load() {
    const sdk = await import('@aws-sdk/client-sfn')
    const { accessKeyId, secretAccessKey, sessionToken } = credentials
    const client = new sdk.SFNClient({
      region, endpoint, maxAttempts: 4, credentials: { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) },
      requestHandler: { requestTimeout: 5000, connectionTimeout: 2000, throwOnRequestTimeout: true },
    })
    return { sdk, client }
  }
  async function call(send: (parts: Awaited<ReturnType<typeof load>>) => Promise<unknown>): Promise<void> {
    const parts = await (loaded ??= load())
    try {
      await send(parts)
    } catch (error) {
      if (!(error instanceof Error)) throw new SfnError('unknown')
      throw new SfnError('$fault' in error ? error.name : error.name === 'TimeoutError' ? 'Timeout' : 'Network')
    }
  }
  return {
    start: (input) => call(({ sdk, client }) => client.send(new sdk.StartExecutionCommand(input))),
    succeed: (input) => call(({ sdk, client }) => client.send(new sdk.SendTaskSuccessCommand(input))),
    close: () => { loaded?.then(({ client }) => client.destroy(), () => undefined) },
  }
}

/** Where Step Functions answers in a region, as the AWS tools say it in the environment. */
export function sfnEndpointOf(region: string, env: Readonly<Record<string, string | undefined>>): string {
  const domain = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com'
  return env['AWS_ENDPOINT_URL_SFN'] ?? env['AWS_ENDPOINT_URL'] ?? `https://states.${region}.${domain}`
}
