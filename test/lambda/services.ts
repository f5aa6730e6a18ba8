import { generateKeyPairSync, sign } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createStores } from '../../functions/aws/ports.ts'
import { startDynamo } from '../../functions/local/dynamodb.ts'
import { startStepFunctions } from '../../functions/local/stepfunctions.ts'
import { approvalDefinition } from '../../infra/approval.ts'
import { startBucket } from '../aws/bucket.ts'
import { credentials, functionArn } from '../local/machine.ts'

/**
 * AWS around a bundle: local DynamoDB and Step Functions, stubs of S3, KMS and Secrets Manager, and the environment that a deployed function has. `asked`: what KMS and Secrets Manager were asked for, in order.
 */
export async function startServices(directory: string) {
  const key = generateKeyPairSync('ed25519')
  const asked: string[] = []
  const dynamo = await startDynamo({ directory: null, credentials })
  const machines = await startStepFunctions({ directory: join(directory, 'machines'), credentials, alarm: () => {} })
  const arn = await machines.define('approval', approvalDefinition(functionArn))
  const bucket = await startBucket(credentials)
  const services = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const target = String(request.headers['x-amz-target'])
    const body = JSON.parse(Buffer.concat(chunks).toString()) as { Message?: string; SecretId?: string }
    asked.push(`${target} ${body.SecretId ?? ''}`.trim())
    response.end(JSON.stringify(target.endsWith('GetPublicKey') ? { PublicKey: key.publicKey.export({ format: 'der', type: 'spki' }).toString('base64') }
      : target.endsWith('Sign') ? { Signature: sign(null, Buffer.from(String(body.Message), 'base64'), key.privateKey).toString('base64') } : { SecretString: Buffer.alloc(32, 7).toString('base64') }))
  })
  await new Promise<void>((resolve) => { services.listen(0, '127.0.0.1', resolve) })
  const service = `http://127.0.0.1:${(services.address() as AddressInfo).port}`
  const env = {
    PATH: process.env['PATH'] ?? '', AWS_REGION: 'local', AWS_ACCESS_KEY_ID: credentials.accessKeyId, AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey, AWS_ENDPOINT_URL_DYNAMODB: dynamo.url, AWS_ENDPOINT_URL_SFN: machines.url,
    AWS_ENDPOINT_URL_KMS: service, AWS_ENDPOINT_URL_SECRETS_MANAGER: service, SLUICE_TABLES: 'sluice-test', SLUICE_SECRETS: 'sluice-test', SLUICE_PUBLIC_URL: 'https://gate.sluice.test', SLUICE_CONSOLE_URL: 'https://console.gate.sluice.test',
    SLUICE_STATE_MACHINE: arn, SLUICE_SOCKET_ENDPOINT: service, SLUICE_LOG_NAME: 'gate.sluice.test/audit', SLUICE_LOG_KEY: 'arn:aws:kms:eu-west-1:123456789012:key/ab', SLUICE_LOG_BUCKET: bucket.url, SLUICE_LOG_LOCK: 'COMPLIANCE', SLUICE_HOME_REGION: 'local',
  }
  const stores = createStores({ region: 'local', endpoint: dynamo.url, credentials, tables: 'sluice-test' })
  await stores.createTables()
  await stores.policies.apply({ documents: [{ path: 'issuers/okta.yaml', document: { version: 1, kind: 'issuer', name: 'okta', issuer: 'https://id.sluice.test', audience: 'https://gate.sluice.test', groups: { claim: 'groups', accept: ['*'] }, agents: { subject: 'agent:{sub}' } } }] }, { from: null, by: 'test', at: new Date().toISOString(), commit: null })
  return {
    env, stores, bucket, asked,
    async stop() {
      stores.close()
      services.close()
      services.closeAllConnections()
      await Promise.all([machines.close(), bucket.close(), dynamo.close()])
    },
  }
}
