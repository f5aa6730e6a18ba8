import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { runInNewContext } from 'node:vm'
import { beforeAll, describe, expect, test } from 'vitest'
import { tables as shapes } from '../../schema/item.ts'
import { actionsOf, executors, functions, whoever, type Name } from '../../infra/grants.ts'
import { checkpointPath } from '../../functions/record/log/checkpoint.ts'
import { renaming } from '../../infra/challenge.ts'
import { placesOf } from '../../infra/places.ts'
import { readable } from './deployed.ts'
import { type Graph, installed, type Resource } from './evaluate.ts'

/** What would be deployed, as SST's own components make it of sst.config.ts. `npx vitest run test/infra -u` rewrites the readable graph beside this file, which changes only on purpose. */
const root = join(import.meta.dirname, '../..')
const stages = ['dev', 'production'] as const
type Stage = (typeof stages)[number]
const graphs = {} as Record<Stage, Graph>
const env = { ...process.env, SLUICE_DOMAIN: 'sluice.acme.dev', SLUICE_TARGETS: 'shop-read,shop-write,shop-plain', SLUICE_MAIL_FROM: 'sluice@acme.dev', SLUICE_OPERATOR_MAIL: 'operators@acme.dev' }

if (!installed) console.log('skipped: test/infra/graph.test.ts, because .sst/platform is missing; `npx sst install` makes it')

const of = (stage: Stage, type: string): readonly Resource[] => graphs[stage].resources.filter((resource) => resource.type === type)
const json = (value: unknown): unknown => JSON.parse(typeof value === 'string' ? value : JSON.stringify(value))
interface Statement { readonly Effect?: string; readonly effect?: string; readonly Action?: string | string[]; readonly actions?: string[]; readonly Resource?: string | string[]; readonly resources?: string[]; readonly Principal?: unknown; readonly Sid?: string; readonly Condition?: unknown }
const statementsOf = (policy: unknown): readonly Statement[] => {
  const read = json(policy) as { Statement?: Statement[]; statements?: Statement[] }
  return read.Statement ?? read.statements ?? []
}
/** Those that are the gate's, without the one at CloudFront's edges. */
const lambdas = (stage: Stage): readonly Resource[] => of(stage, 'aws:lambda/function:Function').filter(({ name }) => name !== 'Challenge')
const roleOf = (stage: Stage, name: string): Resource => {
  const found = of(stage, 'aws:iam/role:Role').find((role) => role.name === `${name}Role`)
  if (!found) throw new Error(`no role of ${name}`)
  return found
}
const allowed = (role: Resource) => (role.inputs['inlinePolicies'] as { policy: string }[]).flatMap(({ policy }) => statementsOf(policy)).map((statement) => ({ actions: [statement.Action ?? statement.actions ?? []].flat(), resources: [statement.Resource ?? statement.resources ?? []].flat() }))

interface Asked { readonly uri: string; readonly querystring?: Readonly<Record<string, unknown>>; readonly headers: Readonly<Record<string, unknown>> }
/** CloudFront's own function, as it would be published: what it makes of a request, and the origin it chooses; null: the behavior's. */
function atEdge(stage: Stage, asked: Asked): { readonly request: Asked; readonly origin: string | null } {
  const code = String(of(stage, 'aws:cloudfront/function:Function').find(({ name }) => name === 'Places')?.inputs['code'])
  let origin: string | null = null
  const request = runInNewContext(`${code.replace(/^import .*$/m, '')}; handler(event)`, { event: { request: asked }, cf: { selectRequestOriginById: (id: string) => { origin = id } } }) as Asked
  return { request, origin }
}

describe.skipIf(!installed)('what is deployed', () => {
  beforeAll(async () => {
    for (const name of ['http', 'websocket', 'approval', 'people', 'sequencer', 'sweeper']) {
      const folder = join(root, 'dist', name)
      if (existsSync(join(folder, 'index.mjs'))) continue
      mkdirSync(folder, { recursive: true })                                    // its content is no part of the graph
      writeFileSync(join(folder, 'index.mjs'), '')
    }
    for (const stage of stages) {
      const { stdout } = await promisify(execFile)(process.execPath, [join(root, 'test/infra/evaluate.ts'), stage], { env, cwd: root, maxBuffer: 64 * 1024 * 1024 })
      graphs[stage] = JSON.parse(stdout) as Graph
    }
  }, 120_000)

  describe.each(stages)('%s', (stage) => {
    test('every role may do only what is named, on what is named, and is taken by one service', () => {
      const roles = of(stage, 'aws:iam/role:Role').filter(({ name }) => !name.startsWith('APIGateway') && name !== 'ChallengeRole')
      expect(roles.length).toBe(Object.keys(functions).length + 2)
      for (const role of roles) {
        expect(role.inputs['managedPolicyArns'] ?? []).toEqual([])
        for (const statement of statementsOf(role.inputs['assumeRolePolicy'])) expect(statement.Principal).toEqual({ Service: expect.stringMatching(/^(lambda|states|scheduler)\.amazonaws\.com$/) })
        expect(allowed(role).length, role.name).toBeGreaterThan(0)
        for (const { actions, resources } of allowed(role)) {
          for (const action of actions) expect(action).toMatch(/^[a-z0-9-]+:[A-Za-z]+$/)
          for (const resource of resources) expect(resource).toMatch(/^arn:aws:[a-z0-9-]+:[a-z0-9-]*:\d*:./)
        }
      }
    })
    test('no function updates or deletes the record, scans a table, or touches one that infra/grants.ts does not give it', () => {
      for (const name of Object.keys(functions) as Name[]) {
        const dynamo = allowed(roleOf(stage, name)).flatMap(({ actions, resources }) => actions.filter((action) => action.startsWith('dynamodb:')).flatMap((action) => resources.map((resource) => ({ action: action.slice(9), resource }))))
        for (const { action, resource } of dynamo) {
          expect(action).not.toBe('Scan')
          if (resource.endsWith('-audit')) expect(['GetItem', 'PutItem', 'Query']).toContain(action)
          if (resource.includes('/stream/')) continue
          const table = /table\/sluice-\w+-([a-z]+)/.exec(resource)?.[1] as keyof typeof shapes
          expect(actionsOf(name).get(table)).toContain(action)
        }
      }
    })
    test('one role signs, and it is the sequencer\'s', () => {
      const signers = Object.keys(functions).filter((name) => allowed(roleOf(stage, name)).some(({ actions }) => actions.includes('kms:Sign')))
      expect(signers).toEqual(['Sequencer'])
      const [policy] = of(stage, 'aws:kms/keyPolicy:KeyPolicy')
      const [administer, sign, nobody] = statementsOf(policy?.inputs['policy'])
      expect(administer?.Action).not.toContain('kms:Sign')
      expect(sign?.Principal).toEqual({ AWS: expect.stringContaining('Sequencer') })
      expect(nobody).toMatchObject({ Effect: 'Deny', Action: 'kms:Sign' })
      expect(of(stage, 'aws:kms/key:Key').find(({ name }) => name === 'LogKey')?.inputs).toMatchObject({ customerMasterKeySpec: 'ECC_NIST_EDWARDS25519', keyUsage: 'SIGN_VERIFY' })
    })
    test('a target\'s credential is read by what executes and by nothing else; the approvers\' origin has none', () => {
      const readers = Object.keys(functions).filter((name) => allowed(roleOf(stage, name)).some(({ actions, resources }) => actions.includes('secretsmanager:GetSecretValue') && resources.some((arn) => arn.includes('/shop-write-'))))
      expect(readers.sort()).toEqual(['Approval', 'Hold', 'Http', 'Socket', 'Stream', 'Sweeper'])
    })
    test('tables: encrypted, on demand, with their TTL; recoverable but for the keys of content and for what may be forgotten', () => {
      const tables = of(stage, 'aws:dynamodb/table:Table')
      expect(tables.map(({ inputs }) => String(inputs['name'])).sort()).toEqual(Object.values(shapes).map(({ name }) => name.replace(/^sluice-/, `sluice-${stage}-`)).sort())
      for (const { inputs } of tables) {
        const keys = String(inputs['name']).endsWith('-keys')
        const shape = Object.values(shapes).find(({ name }) => String(inputs['name']).endsWith(name.replace('sluice', '')))
        expect(inputs).toMatchObject({ billingMode: 'PAY_PER_REQUEST', pointInTimeRecovery: { enabled: !keys && shape !== shapes.state && shape !== shapes.sockets }, serverSideEncryption: { enabled: true }, deletionProtectionEnabled: stage === 'production', streamEnabled: shape === shapes.audit })
        expect(inputs['ttl'] === undefined ? null : (inputs['ttl'] as { attributeName: string }).attributeName).toBe(shape?.ttl ?? null)
      }
    })
    test('the log\'s bucket: locked, versioned, encrypted, private, over TLS', () => {
      const [lock] = of(stage, 'aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration')
      expect(lock?.inputs['rule']).toEqual({ defaultRetention: { mode: stage === 'production' ? 'COMPLIANCE' : 'GOVERNANCE', days: 1 } })
      // By a key that nobody in the account can destroy.
      expect(of(stage, 'aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration').map(({ inputs }) => inputs['rules'])).toEqual([[{ applyServerSideEncryptionByDefault: { sseAlgorithm: 'AES256' } }]])
      for (const { inputs } of lambdas(stage)) {
        const { variables } = inputs['environment'] as { variables: Record<string, string> }
        if (variables['SLUICE_LOG_BUCKET'] !== undefined) expect(variables).toMatchObject({ SLUICE_LOG_LOCK: stage === 'production' ? 'COMPLIANCE' : 'GOVERNANCE', SLUICE_LOG_DAYS: stage === 'production' ? '3653' : '1' })
      }
      expect(of(stage, 'aws:s3/bucket:Bucket')[0]?.inputs).toMatchObject({ objectLockEnabled: true, forceDestroy: stage !== 'production' })
      expect(of(stage, 'aws:s3/bucketVersioning:BucketVersioning')[0]?.inputs).toMatchObject({ versioningConfiguration: { status: 'Enabled' } })
      expect(of(stage, 'aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock')[0]?.inputs).toMatchObject({ blockPublicAcls: true, blockPublicPolicy: true, ignorePublicAcls: true, restrictPublicBuckets: true })
      expect(JSON.stringify(of(stage, 'aws:s3/bucketPolicy:BucketPolicy')[0]?.inputs)).toContain('aws:SecureTransport')
    })
    const roles = (names: readonly string[]) => names.map((name) => `arn:aws:iam::123456789012:role/sluice-${stage}-${name}`)
    const exactly = (names: readonly string[]) => ({ StringNotEquals: { 'aws:PrincipalArn': roles(names) } })
    test('every function has the role that resource policies name', () => {
      for (const name of Object.keys(functions)) expect(roleOf(stage, name).inputs['name']).toBe(`sluice-${stage}-${name}`)
    })
    test('the tables themselves refuse: changes of the record and the log to everyone, and their writing, like the keys of content, to everyone but the functions that do it', () => {
      const walls = new Map(of(stage, 'aws:dynamodb/resourcePolicy:ResourcePolicy').map(({ inputs }) => [String(inputs['resourceArn']).replace(/.*-/, ''), statementsOf(inputs['policy'])]))
      expect([...walls.keys()].sort()).toEqual(['audit', 'keys', 'log'])
      for (const [table, [never, others]] of walls) {
        for (const statement of [never, others]) expect(statement).toMatchObject({ Effect: 'Deny', Principal: '*' })
        expect(never?.Condition).toBeUndefined()
        expect(others?.Condition).toEqual(exactly(whoever(table as 'audit', ((others?.Action ?? []) as string[]).map((action) => action.slice(9)))))
        for (const action of ['BatchWriteItem', 'PartiQLInsert', 'PartiQLUpdate', 'PartiQLDelete']) expect(never?.Action).toContain(`dynamodb:${action}`)
      }
      for (const table of ['audit', 'log']) for (const action of ['UpdateItem', 'DeleteItem']) expect(walls.get(table)?.[0]?.Action).toContain(`dynamodb:${action}`)
      expect(walls.get('audit')?.[0]?.Action).toContain('dynamodb:UpdateTimeToLive')
      for (const action of ['GetItem', 'Query', 'BatchGetItem']) expect(walls.get('keys')?.[1]?.Action).toContain(`dynamodb:${action}`)
      // A copy of the keys would outlive what is destroyed.
      for (const action of ['CreateBackup', 'UpdateContinuousBackups', 'ExportTableToPointInTime', 'RestoreTableToPointInTime', 'EnableKinesisStreamingDestination']) expect(walls.get('keys')?.[0]?.Action).toContain(`dynamodb:${action}`)
      expect(walls.get('log')?.[1]?.Condition).toEqual(exactly(['Sequencer']))
      // What a table refuses to everyone, no function's role is given.
      for (const [table, [never]] of walls) for (const name of Object.keys(functions) as Name[]) for (const action of actionsOf(name).get(table as 'audit') ?? []) expect(never?.Action, `${name} ${table}`).not.toContain(`dynamodb:${action}`)
    })
    test('a credential of a target is read by no role but those that execute, whatever else somebody may', () => {
      const policies = of(stage, 'aws:secretsmanager/secretPolicy:SecretPolicy')
      expect(policies.map(({ name }) => name).sort()).toEqual(['SecretIndexPolicy', 'SecretSlackSigningPolicy', 'SecretSlackTokenPolicy', 'TargetShopPlainPolicy', 'TargetShopReadPolicy', 'TargetShopWritePolicy'])
      for (const { name, inputs } of policies) {
        const [statement] = statementsOf(inputs['policy'])
        expect(statement).toMatchObject({ Effect: 'Deny', Principal: '*', Action: 'secretsmanager:GetSecretValue' })
        if (name.startsWith('Target')) expect(statement?.Condition).toEqual(exactly(executors))
        // Its own policy shuts nobody out who is let in by their role, and the other way round.
        const arn = String(inputs['secretArn'])
        const readers = Object.keys(functions).filter((one) => allowed(roleOf(stage, one)).some(({ actions, resources }) => actions.includes('secretsmanager:GetSecretValue') && resources.includes(arn)))
        const named = (statement?.Condition as { StringNotEquals: Record<string, string[]> } | undefined)?.StringNotEquals['aws:PrincipalArn'] ?? []
        expect([...named].sort(), name).toEqual(roles(readers).sort())
        expect(inputs['blockPublicPolicy']).toBe(true)
      }
    })
    test('the log\'s bucket is written, tagged and locked by the sequencer\'s role alone, and in production nobody hides or deletes an object', () => {
      const statements = (json(of(stage, 'aws:s3/bucketPolicy:BucketPolicy')[0]?.inputs['policy']) as { statements: { effect: string; actions: string[]; resources: string[]; conditions?: { test: string; variable: string; values: string[] }[] }[] }).statements
      expect(statements.every(({ effect }) => effect === 'Deny')).toBe(true)
      const writing = statements.find(({ actions }) => actions.includes('s3:PutObject'))
      expect(writing?.conditions).toEqual([{ test: 'StringNotEquals', variable: 'aws:PrincipalArn', values: roles(['Sequencer']) }])
      for (const action of ['s3:PutObjectTagging', 's3:PutObjectVersionTagging', 's3:PutObjectRetention']) expect(writing?.actions).toContain(action)
      const deleting = statements.find(({ actions }) => actions.includes('s3:DeleteObject'))
      if (stage === 'production') expect(deleting).toMatchObject({ actions: expect.arrayContaining(['s3:DeleteObject', 's3:BypassGovernanceRetention']) as unknown })
      expect(deleting?.conditions).toBeUndefined()
      // Over what is there nobody writes, the sequencer's role neither.
      const over = statements.find(({ conditions }) => conditions?.some(({ variable }) => variable === 's3:if-none-match'))
      expect(over).toMatchObject({ effect: 'Deny', actions: ['s3:PutObject'], conditions: [{ test: 'Null', values: ['true'] }] })
      // One role removes versions, and nobody does of anything but bundles of entries.
      const [others, everything] = statements.filter(({ actions }) => actions.includes('s3:DeleteObjectVersion'))
      if (stage !== 'production') return expect(others).toBeUndefined()
      expect(others?.conditions).toEqual([{ test: 'StringNotEquals', variable: 'aws:PrincipalArn', values: roles(['Sweeper']) }])
      expect(everything?.conditions).toBeUndefined()
      const refuses = (key: string) => everything?.resources.some((resource) => new RegExp(`^${resource.replaceAll('.', '[.]').replaceAll('?', '.').replaceAll('*', '.*')}$`).test(`arn:aws:s3:::sluice-production-log-123456789012/${key}`))
      for (const key of ['begun', checkpointPath(7), 'staging/1', 'tile/0/000', 'tile/0/x001/000', 'tile/1/000.p/3', 'tile/7/000', 'tile/12/000']) expect(refuses(key), key).toBe(true)
      for (const key of ['tile/entries/000', 'tile/entries/x001/000', 'tile/entries/000.p/7']) expect(refuses(key), key).toBe(false)
      for (const name of Object.keys(functions)) for (const { actions, resources } of allowed(roleOf(stage, name))) {
        expect(actions, name).not.toContain('s3:DeleteObject')
        if (actions.includes('s3:DeleteObjectVersion')) expect([name, ...resources]).toEqual(['Sweeper', 'arn:aws:s3:::sluice-production-log-123456789012/tile/entries/*'])
        if (actions.includes('s3:PutObject')) expect(name).toBe('Sequencer')
      }
    })
    test('the data key is used through this region\'s stores and for this stage\'s logs, and is granted to services only', () => {
      const statements = statementsOf(of(stage, 'aws:kms/key:Key').find(({ name }) => name === 'DataKey')?.inputs['policy'])
      const by = Object.fromEntries(statements.map((statement) => [statement.Sid, statement]))
      expect(by['Administer']?.Action).not.toEqual(expect.arrayContaining([expect.stringMatching(/Decrypt|CreateGrant|GenerateDataKey/)]))
      expect(by['GrantToServices']?.Condition).toEqual({ Bool: { 'kms:GrantIsForAWSResource': 'true' }, StringEquals: { 'kms:ViaService': 'dynamodb.eu-central-1.amazonaws.com' } })
      expect(by['ThroughServices']?.Condition).toEqual({ StringEquals: { 'kms:CallerAccount': '123456789012', 'kms:ViaService': ['dynamodb', 's3', 'secretsmanager', 'sns'].map((service) => `${service}.eu-central-1.amazonaws.com`) } })
      // CloudWatch Logs comes as its region's principal and names the log group, never the account; asked otherwise it takes no key, and no log group is made.
      expect(by['Logs']?.Principal).toEqual({ Service: 'logs.eu-central-1.amazonaws.com' })
      const patterns = (by['Logs']?.Condition as { ArnLike: Record<string, string[]> } | undefined)?.ArnLike['kms:EncryptionContext:aws:logs:arn'] ?? []
      for (const { inputs, name } of of(stage, 'aws:cloudwatch/logGroup:LogGroup')) {
        expect(inputs['kmsKeyId'], name).toContain('key/DataKey')
        expect(patterns.some((pattern) => `arn:aws:logs:eu-central-1:123456789012:log-group:${String(inputs['name'])}`.startsWith(pattern.slice(0, -1))), name).toBe(true)
      }
    })
    test('what a stream or a schedule gives up is kept and alarmed of, and calls of a schedule never queue', () => {
      const [mapping] = of(stage, 'aws:lambda/eventSourceMapping:EventSourceMapping')
      expect(mapping?.inputs['destinationConfig']).toEqual({ onFailure: { destinationArn: expect.stringContaining(':ScheduleDead') as unknown } })
      const may = allowed(roleOf(stage, 'Sequencer'))
      expect(may.find(({ actions }) => actions.includes('sqs:SendMessage'))?.resources).toEqual([expect.stringContaining(':ScheduleDead')])
      expect(may.find(({ actions }) => actions.includes('dynamodb:ListStreams'))?.resources).toEqual([expect.stringMatching(/-audit\/stream\/\*$/)])
      const once = of(stage, 'aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig')
      expect(once.map(({ name }) => name).sort()).toEqual(['SequencerOnce', 'SweeperOnce'])
      for (const { inputs } of once) expect(inputs).toMatchObject({ maximumEventAgeInSeconds: 60, maximumRetryAttempts: 0 })
      const alarms = of(stage, 'aws:cloudwatch/metricAlarm:MetricAlarm').map((alarm) => alarm.name)
      for (const name of Object.keys(functions)) expect(alarms, name).toEqual(expect.arrayContaining([`${name}Errors`, ...(name === 'Sequencer' ? ['AlarmUnsequenced'] : [`${name}Throttles`])]))
      // The stream calls it once a shard, more often than it has places: an alarm of that would ring always.
      expect(alarms).not.toContain('SequencerThrottles')
    })
    test('whoever waits, streams or speaks MCP takes no place from a query: other functions, each with places of its own, that together leave the account a hundred', () => {
      const places = Object.fromEntries(lambdas(stage).map(({ name, inputs }) => [name.replace(/Function$/, ''), Number(inputs['reservedConcurrentExecutions'])]))
      expect(Object.values(places).every((count) => count >= 1)).toBe(true)
      expect(Object.values(places).reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(900)
      const gate = of(stage, 'aws:cloudfront/distribution:Distribution').find(({ name }) => name.startsWith('Gate'))?.inputs
      const origins = Object.fromEntries(((gate?.['origins'] ?? []) as { originId: string; domainName: string; connectionAttempts: number; customOriginConfig: { originReadTimeout: number } }[]).map((origin) => [origin.originId, origin]))
      expect(Object.fromEntries(Object.entries(origins).map(([id, { domainName }]) => [id, domainName.split('.')[0]]))).toEqual({ http: 'httpurl', hold: 'holdurl', stream: 'streamurl' })
      expect(((gate?.['orderedCacheBehaviors'] ?? []) as { pathPattern: string; targetOriginId: string }[]).map(({ pathPattern, targetOriginId }) => [pathPattern, targetOriginId])).toEqual([['/v1/kubernetes/*', 'stream'], ['/mcp', 'hold']])
      const waits = lambdas(stage).filter(({ inputs }) => JSON.stringify(inputs['environment']).includes('"SLUICE_WAITS":"elsewhere"')).map(({ name }) => name)
      expect(waits).toEqual(['HttpFunction'])
      // A hold is at most 55 s, and CloudFront waits as long as the function lives; what lasts is asked once.
      expect(origins['hold']).toMatchObject({ connectionAttempts: 1, customOriginConfig: { originReadTimeout: 75 } })
      expect(origins['stream']).toMatchObject({ connectionAttempts: 1, customOriginConfig: { originReadTimeout: 120 } })
    })
    test('a thousand calls that wait, in every way there is to wait, leave each place of a query free', () => {
      const gate = of(stage, 'aws:cloudfront/distribution:Distribution').find(({ name }) => name.startsWith('Gate'))?.inputs
      const behaviors = gate?.['orderedCacheBehaviors'] as { pathPattern: string; targetOriginId: string; functionAssociations?: { eventType: string }[] }[]
      const free = new Map(['http', 'hold', 'stream'].map((id) => [id, Number(of(stage, 'aws:lambda/function:Function').find(({ name }) => name.toLowerCase() === `${id}function`)?.inputs['reservedConcurrentExecutions'])]))
      const places = free.get('http') ?? 0
      /** Where CloudFront takes it, by the first behavior whose path it has, and by its function; a place is kept until the end of the test. null: Lambda has none left for it. */
      const send = (target: string, prefer?: string): string | null => {
        const { pathname: uri, searchParams } = new URL(target, 'https://gate')
        const behavior = behaviors.find(({ pathPattern }) => (pathPattern.endsWith('*') ? uri.startsWith(pathPattern.slice(0, -1)) : uri === pathPattern))
        const asks = behavior === undefined || behavior.functionAssociations?.some(({ eventType }) => eventType === 'viewer-request')
        const chosen = asks ? atEdge(stage, { uri, querystring: Object.fromEntries([...searchParams.keys()].map((name) => [name, {}])), headers: prefer === undefined ? {} : { prefer: { value: prefer } } }).origin : null
        const origin = chosen ?? behavior?.targetOriginId ?? 'http'
        const left = free.get(origin) ?? 0
        if (left === 0) return null
        free.set(origin, left - 1)
        return origin
      }
      for (let i = 0; i < 250; i++) {
        for (const [uri, prefer] of [['/v1/connections/shop/query', 'wait=55'], ['/v1/requests/arq_1', 'return=minimal, Wait="55"'], ['/mcp', undefined], ['/v1/kubernetes/cluster/api/v1/pods?watch=true', undefined], ['/v1/kubernetes/cluster/api/v1/namespaces/web/pods/x/log?follow', undefined], ['/v1/kubernetes/cluster/api/v1/watch/pods', 'wait=5'], ['/v1/kubernetes/cluster/api/v1/pods', 'wait=5']] as const) expect(send(uri, prefer)).not.toBe('http')
      }
      expect([free.get('hold'), free.get('stream')]).toEqual([0, 0])
      for (let i = 0; i < places; i++) expect(send(i % 2 ? '/v1/connections/shop/query' : '/v1/kubernetes/cluster/api/v1/pods?limit=500')).toBe('http')
    })
    test.each([
      [{}, null], [{ prefer: { value: 'wait=5' } }, 'hold'], [{ prefer: { value: 'respond-async, wait=5' } }, 'hold'], [{ prefer: { value: 'WAIT = "5"' } }, 'hold'], [{ prefer: { value: 'return=minimal' } }, null], [{ prefer: { value: 'await=5' } }, null],
      [{ prefer: { value: 'return=minimal', multiValue: [{ value: 'return=minimal' }, { value: 'wait=5' }] } }, 'hold'],
    ])('at the edge %j goes to %s', (headers, to) => {
      const { request, origin } = atEdge(stage, { uri: '/v1/connections/shop/query', headers: { ...headers, 'x-sluice-edge': { value: 'a guess' } } })
      expect(origin).toBe(to)
      expect(request.headers).not.toHaveProperty('x-sluice-edge')
    })
    test.each(['/v1/policy', '/v1/policy/plan', '/v1/locks/everything', '/v1/audit/events'])('what only `http` may do goes there, whatever it prefers: %s', (uri) => {
      expect(atEdge(stage, { uri, headers: { prefer: { value: 'wait=5' } } }).origin).toBeNull()
      expect(atEdge(stage, { uri: uri.replace('/v1/', '/v1/connections/'), headers: { prefer: { value: 'wait=5' } } }).origin).toBe('hold')
    })
    test('TLS is 1.2 or later everywhere, a flood of sockets ends before a function', () => {
      for (const { inputs } of of(stage, 'aws:cloudfront/distribution:Distribution')) {
        expect(inputs['viewerCertificate']).toMatchObject({ minimumProtocolVersion: 'TLSv1.2_2021' })
        for (const origin of inputs['origins'] as { customOriginConfig: object }[]) expect(origin.customOriginConfig).toMatchObject({ originProtocolPolicy: 'https-only', originSslProtocols: ['TLSv1.2'] })
      }
      expect(of(stage, 'aws:apigatewayv2/stage:Stage')[0]?.inputs['defaultRouteSettings']).toEqual({ throttlingRateLimit: 500, throttlingBurstLimit: 1000 })
    })
    test('functions: Node 24, places of their own, logs that end', () => {
      expect(lambdas(stage).map(({ name }) => name.replace(/Function$/, '')).sort()).toEqual(Object.keys(functions).sort())
      for (const { name, inputs } of lambdas(stage)) {
        expect(inputs).toMatchObject({ runtime: 'nodejs24.x', handler: 'index.handler' })
        expect(inputs['reservedConcurrentExecutions'], name).toBeGreaterThan(0)
        expect(JSON.stringify(inputs['environment'])).not.toMatch(/postgres:|password/i)
      }
      for (const { inputs } of of(stage, 'aws:cloudwatch/logGroup:LogGroup')) expect(inputs['retentionInDays']).toBeGreaterThan(0)
    })
    test('the state machine is our one definition, on one function, under a role that invokes it and does nothing else', () => {
      const [machine] = of(stage, 'aws:sfn/stateMachine:StateMachine')
      const definition = String(machine?.inputs['definition'])
      expect(definition).not.toContain('${')
      expect(definition).toContain(':function:')
      expect(allowed(roleOf(stage, 'Machine')).map(({ actions }) => actions)).toEqual([['lambda:InvokeFunction']])
    })
    test('people and agents come to different origins, over TLS, past a firewall, and nothing is cached', () => {
      const edges = of(stage, 'aws:cloudfront/distribution:Distribution')
      expect(edges.flatMap(({ inputs }) => inputs['aliases']).sort()).toEqual(['console.sluice.acme.dev', 'sluice.acme.dev'])
      for (const { inputs } of edges) {
        expect(inputs['webAclId']).toContain(':global/webacl/')
        expect(JSON.stringify(inputs['defaultCacheBehavior'])).toContain('4135ea2d-6df8-44a3-9df3-4b5a84be39ad')
        expect(JSON.stringify(inputs['origins'])).toContain('x-sluice-edge')
      }
    })
    test('no error is kept and given to the next caller of its path', () => {
      // CloudFront keeps these for ten seconds unless each is said not to be ("Control how long CloudFront caches errors").
      for (const { inputs } of of(stage, 'aws:cloudfront/distribution:Distribution')) {
        expect((inputs['customErrorResponses'] as { errorCode: number }[] | undefined)?.map(({ errorCode }) => errorCode)).toEqual([400, 403, 404, 405, 414, 500, 501, 502, 503, 504])
        for (const kept of inputs['customErrorResponses'] as object[]) expect(kept).toMatchObject({ errorCachingMinTtl: 0 })
      }
    })
    test('a challenge has its name back where CloudFront runs something for a 401: as the answer comes in, at every behavior', async () => {
      for (const { inputs } of of(stage, 'aws:cloudfront/distribution:Distribution')) {
        for (const behavior of [inputs['defaultCacheBehavior'], ...(inputs['orderedCacheBehaviors'] ?? []) as unknown[]] as { lambdaFunctionAssociations?: object; functionAssociations?: { eventType: string }[] }[]) {
          expect(behavior.lambdaFunctionAssociations).toEqual([{ eventType: 'origin-response', lambdaArn: expect.stringMatching(/:Challenge:1$/) as unknown, includeBody: false }])
          expect((behavior.functionAssociations ?? []).map(({ eventType }) => eventType)).not.toContain('viewer-response')
        }
      }
      // Of Lambda@Edge: a numbered version, x86, no variables of environment, no network ("Restrictions on Lambda@Edge").
      const [edge] = of(stage, 'aws:lambda/function:Function').filter(({ name }) => name === 'Challenge')
      expect(edge?.inputs).toMatchObject({ publish: true, handler: 'index.handler' })
      for (const key of ['environment', 'architectures', 'vpcConfig', 'layers', 'reservedConcurrentExecutions']) expect(edge?.inputs, key).not.toHaveProperty(key)
      const role = of(stage, 'aws:iam/role:Role').find(({ name }) => name === 'ChallengeRole')
      expect(Object.keys(role?.inputs ?? {})).toEqual(['assumeRolePolicy'])
      const { handler } = await import(`data:text/javascript,${encodeURIComponent(renaming)}`) as { handler(event: object): Promise<unknown> }
      const answer = (headers: object) => handler({ Records: [{ cf: { response: { status: '401', headers } } }] })
      expect(await answer({ 'x-amzn-remapped-www-authenticate': [{ key: 'x-amzn-Remapped-www-authenticate', value: 'Bearer' }], date: [] })).toEqual({ status: '401', headers: { 'www-authenticate': [{ key: 'WWW-Authenticate', value: 'Bearer' }], date: [] } })
      expect(await answer({ 'www-authenticate': [{ key: 'WWW-Authenticate', value: 'Bearer' }] })).toEqual({ status: '401', headers: { 'www-authenticate': [{ key: 'WWW-Authenticate', value: 'Bearer' }] } })
    })
    test('nothing is locked for longer than the gate means to, and what is thrown away can be made again', () => {
      const statements = (json(of(stage, 'aws:s3/bucketPolicy:BucketPolicy')[0]?.inputs['policy']) as { statements: { effect: string; actions: string[]; conditions?: { test: string; variable: string; values: string[] }[] }[] }).statements
      const long = statements.find(({ conditions }) => conditions?.some(({ variable }) => variable === 's3:object-lock-remaining-retention-days'))
      expect(long).toMatchObject({ effect: 'Deny', actions: ['s3:PutObject', 's3:PutObjectRetention'], conditions: [{ test: 'NumericGreaterThan', values: [stage === 'production' ? '3655' : '3'] }] })
      for (const { inputs, name } of of(stage, 'aws:secretsmanager/secret:Secret')) expect(inputs['recoveryWindowInDays'], name).toBe(stage === 'production' ? 30 : 0)
    })
    test('the graph is the one that was agreed to', async () => {
      await expect(readable(graphs[stage])).toMatchFileSnapshot(`./graph.${stage}.txt`)
    })
  })
  test('production is not deployed where no places can be reserved, and dev is', async () => {
    const evaluate = (stage: Stage, limit: string) => promisify(execFile)(process.execPath, [join(root, 'test/infra/evaluate.ts'), stage], { env: { ...env, SLUICE_CONCURRENCY: limit }, cwd: root, maxBuffer: 64 * 1024 * 1024 })
    await expect(evaluate('production', '10')).rejects.toThrow('SLUICE_CONCURRENCY')
    const { resources } = JSON.parse((await evaluate('dev', '10')).stdout) as Graph
    expect(resources.filter(({ type, inputs }) => type === 'aws:lambda/function:Function' && inputs['reservedConcurrentExecutions'] !== undefined)).toEqual([])
  }, 120_000)
  test('as many targets as there may be fit into every role, and more are refused before anything is made', async () => {
    const evaluate = (targets: readonly string[]) => promisify(execFile)(process.execPath, [join(root, 'test/infra/evaluate.ts'), 'production'], { env: { ...env, SLUICE_TARGETS: targets.join(','), SLUICE_SLACK: '1', SLUICE_INDEX: '1' }, cwd: root, maxBuffer: 64 * 1024 * 1024 })
    const names = Array.from({ length: 54 }, (_, i) => `connection${i}-read`)
    const { resources } = JSON.parse((await evaluate(names)).stdout) as Graph
    const sizes = resources.filter(({ type }) => type === 'aws:iam/role:Role').map(({ name, inputs }) => [name, ((inputs['inlinePolicies'] ?? []) as { policy: string }[]).reduce((sum, { policy }) => sum + policy.replaceAll(/\s/g, '').length, 0)] as const)
    expect(Math.max(...sizes.map(([, size]) => size))).toBeGreaterThan(7000)
    for (const [name, size] of sizes) expect(size, name).toBeLessThan(10_240 - 1000)     // the mocks' names of regions and functions are short
    await expect(evaluate([...names, ...names.map((name) => `${name}-too`)])).rejects.toThrow('SLUICE_TARGETS')
  }, 120_000)
  test('of several regions the first has the policy and replicates it, another reads that and has everything else for itself', async () => {
    const regions = 'eu-central-1=https://sluice.acme.dev,us-east-1=https://us.sluice.acme.dev'
    const evaluate = async (more: object) => JSON.parse((await promisify(execFile)(process.execPath, [join(root, 'test/infra/evaluate.ts'), 'dev'], { env: { ...env, SLUICE_REGIONS: regions, ...more }, cwd: root, maxBuffer: 64 * 1024 * 1024 })).stdout) as Graph
    const all = ({ resources }: Graph, type: string) => resources.filter((resource) => resource.type === type)
    const may = (graph: Graph, name: string) => ((all(graph, 'aws:iam/role:Role').find((role) => role.name === `${name}Role`)?.inputs['inlinePolicies'] ?? []) as { policy: string }[]).flatMap(({ policy }) => statementsOf(policy)) as readonly (Statement & { conditions?: { variable: string; values: string[] }[] })[]
    const writers = (graph: Graph) => (Object.keys(functions) as Name[]).filter((name) => may(graph, name).some(({ actions = [], resources = [], conditions }) => conditions === undefined && actions.includes('dynamodb:UpdateItem') && resources.some((arn) => arn.includes('-policy'))))
    const first = await evaluate({})
    const policy = all(first, 'aws:dynamodb/table:Table').find(({ name }) => name.includes('Policy'))
    const [key] = all(first, 'aws:kms/key:Key').filter(({ name }) => name.startsWith('PolicyKey'))
    expect(policy?.inputs).toMatchObject({ streamEnabled: true, streamViewType: 'NEW_AND_OLD_IMAGES', replicas: [{ regionName: 'us-east-1', pointInTimeRecovery: true, kmsKeyArn: expect.stringContaining('PolicyKey') as unknown }] })
    expect(statementsOf(key?.inputs['policy']).find(({ Sid }) => Sid === 'ThroughServices')?.Condition).toEqual({ StringEquals: { 'kms:CallerAccount': '123456789012', 'kms:ViaService': ['dynamodb.us-east-1.amazonaws.com'] } })
    expect(all(first, 'aws:dynamodb/table:Table').filter(({ inputs }) => inputs['replicas'] !== undefined)).toHaveLength(1)
    const beat = may(first, 'Sweeper').find(({ conditions }) => conditions !== undefined)
    expect([beat?.actions, beat?.conditions?.find(({ variable }) => variable === 'dynamodb:Attributes')?.values]).toEqual([['dynamodb:UpdateItem'], ['pk', 'sk', 'beat']])
    expect(writers(first)).toEqual(['Http', 'Approval'])
    const second = await evaluate({ SLUICE_DOMAIN: 'us.sluice.acme.dev', SLUICE_POLICY_STAGE: 'production' })
    expect(all(second, 'aws:dynamodb/table:Table').map(({ inputs }) => inputs['name']).filter((name) => String(name).endsWith('-policy'))).toEqual([])
    expect(all(second, 'aws:dynamodb/table:Table').filter(({ inputs }) => inputs['replicas'] !== undefined)).toEqual([])
    expect(writers(second)).toEqual(['Http', 'Approval'])
    for (const name of writers(second)) expect(may(second, name).flatMap(({ resources = [] }) => resources)).toContain('arn:aws:dynamodb:eu-central-1:123456789012:table/sluice-production-policy')
    // The replica itself is read and written by nobody: a write there would win over a later one at home.
    for (const name of Object.keys(functions) as Name[]) {
      const onPolicy = may(second, name).flatMap(({ actions = [], resources = [] }) => resources.filter((arn) => /:table\/.*policy/i.test(arn)).map((arn) => ({ arn, actions })))
      const here = onPolicy.filter(({ arn }) => !arn.endsWith('/sluice-production-policy'))
      expect(here.map(({ actions }) => actions), name).toEqual([['dynamodb:GetItem']])
    }
    for (const { name, inputs } of all(second, 'aws:lambda/function:Function').filter((one) => one.name !== 'Challenge')) expect(JSON.stringify(inputs['environment']), name).toContain('"SLUICE_POLICY_TABLES":"sluice-production"')
    await expect(evaluate({ SLUICE_REGIONS: '', SLUICE_POLICY_STAGE: 'production' })).rejects.toThrow('SLUICE_POLICY_STAGE')
  }, 180_000)
  test('production is kept from being lost', () => {
    expect(graphs.production.outputs['_protect']).toBe(true)
    expect(graphs.dev.outputs['_protect']).toBe(false)
  })
})

test.each([[1000, 896], [500, 396], [204, 100], [100_000, 99_896]])('of %i places at most %i are reserved, some for each function and most for queries', (limit, most) => {
  const places = Object.entries(placesOf(limit) ?? {})
  expect(places.map(([name]) => name).sort()).toEqual(Object.keys(functions).sort())
  const sum = places.reduce((total, [, count]) => total + count, 0)
  expect(sum).toBeLessThanOrEqual(most + 4)
  expect(sum).toBeGreaterThan(most - 6)
  expect(Math.max(...places.map(([, count]) => count))).toBe(placesOf(limit)?.Http)
})
test.each([10, 100, 203])('of %i none', (limit) => { expect(placesOf(limit)).toBe(null) })
test.each([0, -1, 1.5, NaN])('%d is no limit', (limit) => { expect(() => placesOf(limit)).toThrow('SLUICE_CONCURRENCY') })
