import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'

/**
 * Evaluates sst.config.ts as `sst deploy` would, with SST's own components, under Pulumi's mocks: nothing of AWS is reached, and every input of every resource is seen. Run as a program:
 * prints `{resources, outputs}` as JSON. What it needs is made by `npx sst install` (.ci/run says how).
 */
export interface Resource { readonly type: string; readonly name: string; readonly inputs: Readonly<Record<string, unknown>> }
export interface Graph { readonly resources: readonly Resource[]; readonly outputs: Readonly<Record<string, unknown>> }
const root = fileURLToPath(new URL('../..', import.meta.url))
const platform = join(root, '.sst/platform')
export const installed = existsSync(join(platform, 'src/auto/run.ts')) && existsSync(join(platform, 'node_modules/@pulumi/aws'))
const [account, region] = ['123456789012', 'eu-central-1']

async function evaluate(stage: string): Promise<Graph> {
  const server = await answerRpc()
  process.env['SST_SERVER'] = `http://127.0.0.1:${(server.address() as { port: number }).port}`
  const out = join(platform, `graph-${stage}-${process.pid}.mjs`)
  const production = stage === 'production'
  await build({
    stdin: { contents: entry(), resolveDir: platform, loader: 'ts' }, outfile: out, bundle: true, platform: 'node', format: 'esm', target: 'node24', packages: 'external', inject: [join(platform, 'src/shim/run.js')], logLevel: 'error',
    define: {
      $app: JSON.stringify({ name: 'sluice', stage, home: 'aws', removal: production ? 'retain' : 'remove', protect: production, providers: { aws: {} } }), $dev: 'false',
      $cli: JSON.stringify({ command: 'deploy', rpc: '', paths: { home: root, root, work: platform, platform }, env: {}, state: { version: {} } }),
    },
    banner: { js: "import{createRequire as r0}from'node:module';const require=r0(import.meta.url);import{fileURLToPath as f0}from'node:url';const __filename=f0(import.meta.url);const __dirname=f0(new URL('.',import.meta.url));" },
  })
  try {
    const { graph } = await import(pathToFileURL(out).href) as { graph(mock: typeof stateOf, call: typeof callOf, stage: string): Promise<Graph> }
    return await graph(stateOf, callOf, stage)
  } finally {
    await rm(out, { force: true })
    server.close()
  }
}

const entry = (): string => `
import * as aws from '@pulumi/aws'
import * as random from '@pulumi/random'
import * as pulumi from '@pulumi/pulumi'
import * as sst from '${platform}/src/components/index.ts'
import { run } from '${platform}/src/auto/run.ts'
Object.assign(globalThis, { aws, random, sst })
export async function graph(stateOf, callOf, stage) {
  const resources = []
  await pulumi.runtime.setMocks({
    newResource(args) { resources.push({ type: args.type, name: args.name, inputs: args.inputs }); return { id: args.name + '-id', state: stateOf(args) } },
    call: callOf,
  }, 'sluice', stage, false)
  const config = (await import('${root}/sst.config.ts')).default
  const outputs = await pulumi.runtime.runInPulumiStack(() => run(config.run))
  const plain = await new Promise((resolve) => pulumi.output(outputs).apply(resolve))
  await pulumi.runtime.disconnect()                                   // waits for what is still being registered
  return { resources, outputs: plain }
}
`

/** Attributes that AWS would give back, in the form it gives them: our own code reads some of them. */
function stateOf({ type, name, inputs }: { type: string; name: string; inputs: Record<string, unknown> }): Record<string, unknown> {
  const called = String(inputs['name'] ?? inputs['bucket'] ?? name)
  const arn = (service: string, rest: string) => `arn:aws:${service}:${region}:${account}:${rest}`
  const known: Readonly<Record<string, Record<string, unknown>>> = {
    'aws:lambda/function:Function': { arn: arn('lambda', `function:${called}`), qualifiedArn: arn('lambda', `function:${called}:1`) },
    'aws:lambda/functionUrl:FunctionUrl': { functionUrl: `https://${name.toLowerCase()}.lambda-url.${region}.on.aws/` },
    'aws:dynamodb/table:Table': { arn: arn('dynamodb', `table/${called}`), ...(inputs['streamEnabled'] === true ? { streamArn: arn('dynamodb', `table/${called}/stream/2026-11-22T00:00:00.000`) } : {}) },
    'aws:iam/role:Role': { arn: `arn:aws:iam::${account}:role/${called}` },
    'aws:kms/key:Key': { arn: arn('kms', `key/${name}`), keyId: name },
    'aws:s3/bucket:Bucket': { arn: `arn:aws:s3:::${called}`, bucketRegionalDomainName: `${called}.s3.${region}.amazonaws.com` },
    'aws:acm/certificate:Certificate': { arn: arn('acm', `certificate/${name}`), domainValidationOptions: [{ domainName: inputs['domainName'], resourceRecordName: `_x.${String(inputs['domainName'])}.`, resourceRecordType: 'CNAME', resourceRecordValue: '_y.acm-validations.aws.' }] },
    'aws:apigatewayv2/api:Api': { apiEndpoint: `wss://api123.execute-api.${region}.amazonaws.com`, executionArn: arn('execute-api', 'api123') },
    'aws:cloudwatch/logGroup:LogGroup': { arn: arn('logs', `log-group:${called}`) },
    'aws:secretsmanager/secret:Secret': { arn: arn('secretsmanager', `secret:${called}-AbCdEf`) },
    'aws:sqs/queue:Queue': { arn: arn('sqs', called), url: `https://sqs.${region}.amazonaws.com/${account}/${called}` },
    'aws:sns/topic:Topic': { arn: arn('sns', called) },
    'aws:sfn/stateMachine:StateMachine': { arn: arn('states', `stateMachine:${called}`) },
    'aws:cloudfront/distribution:Distribution': { arn: `arn:aws:cloudfront::${account}:distribution/${name}`, domainName: `${name.toLowerCase()}.cloudfront.net`, hostedZoneId: 'Z2FDTNDATAQYW2' },
    'aws:cloudfront/function:Function': { arn: `arn:aws:cloudfront::${account}:function/${called}` },
    'aws:wafv2/webAcl:WebAcl': { arn: `arn:aws:wafv2:us-east-1:${account}:global/webacl/${name}/id` },
    'random:index/randomBytes:RandomBytes': { base64: 'c2VjcmV0', hex: '736563726574' },
    'aws:sesv2/emailIdentity:EmailIdentity': { dkimSigningAttributes: { tokens: ['one', 'two', 'three'] } },
  }
  return { name: called, arn: arn('mock', name), ...inputs, ...known[type] }
}

function callOf({ token, inputs }: { token: string; inputs: Record<string, unknown> }): Record<string, unknown> {
  if (token.endsWith('getPolicyDocument')) return { ...inputs, json: JSON.stringify(inputs) }
  if (token.endsWith('getRegion')) return { id: region, name: region, region }
  if (token.endsWith('getCallerIdentity')) return { accountId: account, arn: `arn:aws:iam::${account}:user/deployer`, userId: 'deployer', id: account }
  if (token.endsWith('getPartition')) return { partition: 'aws', dnsSuffix: 'amazonaws.com', id: 'aws' }
  return inputs
}

/** What SST's components ask of its command line program. */
async function answerRpc(): Promise<Server> {
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part as Buffer)
    const { method } = JSON.parse(Buffer.concat(parts).toString()) as { method: string }
    const results: Readonly<Record<string, unknown>> = {
      'Provider.Aws.Bootstrap': { asset: 'sst-asset', state: 'sst-state', appsyncHttp: 'x', appsyncRealtime: 'x', assetEcrRegistryId: account, assetEcrUrl: 'x' },
      'Runtime.Build': { out: join(root, 'dist/http'), handler: 'index.handler', errors: [], sourcemaps: [] },
    }
    response.end(JSON.stringify(method in results ? { result: results[method] } : { error: `rpc: can't find ${method}` }))
  })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  return server
}

if (process.argv[1] === import.meta.filename) {
  const graph = await evaluate(process.argv[2] ?? 'dev')
  process.stdout.write(JSON.stringify(graph), () => process.exit(0))
}
