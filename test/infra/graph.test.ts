import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { tables as shapes } from '../../schema/item.ts'
import { entries } from '../../infra/bundle.ts'
import { actionsOf, executors, functions, whoever, type Name } from '../../infra/grants.ts'
import { countedApart } from '../../infra/words.ts'
import { checkpointPath } from '../../functions/record/log/checkpoint.ts'
import { readable, statementsOf } from './deployed.ts'
import { installed } from './evaluate.ts'
import { allowed, evaluate, graphs, lambdas, of, roleOf, stages } from './stages.ts'

/** What would be deployed, as SST's own components make it of sst.config.ts. `npx vitest run test/infra -u` rewrites the readable graph beside this file, which changes only on purpose. */
if (!installed) console.log('skipped: test/infra/graph.test.ts, because .sst/platform is missing; `npx sst install` makes it')
const root = join(import.meta.dirname, '../..')
const guide = readFileSync(join(root, 'docs/deploy.md'), 'utf8')
const json = (value: unknown): unknown => JSON.parse(typeof value === 'string' ? value : JSON.stringify(value))

describe.skipIf(!installed)('what is deployed', () => {
  beforeAll(evaluate, 120_000)

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
    test('whoever tells people has every way to and the rights for it, and nobody else; whoever may read what Slack signs with is told that there is Slack', () => {
      const bundles = new Map([...readFileSync(join(root, 'infra/functions.ts'), 'utf8').matchAll(/lambda\('(\w+)', \{[^}]*?bundle: '(\w+)'/g)].map(([, name, bundle]) => [name, bundle as keyof typeof entries]))
      expect([...bundles.keys()].sort()).toEqual(Object.keys(functions).sort())
      const named = (holds: (name: string) => boolean) => Object.keys(functions).filter(holds)
      const announcing = named((name) => readFileSync(join(root, entries[bundles.get(name) ?? 'http']), 'utf8').includes('createAnnouncer('))
      expect(announcing).toEqual(['Approval', 'Sweeper'])
      const has = (variable: string) => named((name) => lambdas(stage).some((one) => one.name === `${name}Function` && variable in (one.inputs['environment'] as { variables: object }).variables))
      const may = (action: string, on: string) => named((name) => allowed(roleOf(stage, name)).some(({ actions, resources }) => actions.includes(action) && resources.some((arn) => arn.includes(on))))
      const hearing = may('secretsmanager:GetSecretValue', '/slack-signing-secret-')
      expect(hearing).toEqual(['Http'])                               // where `/v1/slack` goes (infra/routes.ts)
      expect({ mail: has('SLUICE_MAIL_FROM'), send: may('ses:SendEmail', ':identity/'), token: may('secretsmanager:GetSecretValue', '/slack-bot-token-') }).toEqual({ mail: announcing, send: announcing, token: announcing })
      expect(has('SLUICE_SLACK')).toEqual([...hearing, ...announcing])
    })
    test('the operator\'s guide names every alarm, as it is named or without the `Alarm` before it, and none that is not there', () => {
      const names = of(stage, 'aws:cloudwatch/metricAlarm:MetricAlarm').map(({ name }) => name)
      const table = guide.slice(guide.indexOf('| alarm |'), guide.indexOf('What is not there')).split('\n').map((row) => row.split(' | ')[0] ?? '').join('\n')
      const said = [...table.matchAll(/`(\w+)`/g)].map((match) => match[1] ?? '')
      const each = (name: string) => /^(Http|Hold|Stream|People|Socket|Approval|Sequencer|Sweeper)(Errors|Throttles)$/.test(name)
      expect(names.filter((name) => !each(name) && !said.includes(name) && !said.includes(name.replace(/^Alarm/, '')))).toEqual([])
      expect(said.filter((name) => !each(name) && ![...names, ...Object.keys(countedApart).map((one) => `Alarm${one}`)].some((one) => one === name || one === `Alarm${name}`))).toEqual([])
    })
    test('the guide\'s pattern for a stage\'s functions takes all of them, and none of a stage whose name goes on', () => {
      const pattern = /grep -E '(\^sluice-production-[^']+)'/.exec(guide)?.[1] ?? 'none'
      const taken = (name: string) => new RegExp(pattern.replace('production', stage)).test(name)
      const names = [...lambdas(stage).map(({ inputs }) => String(inputs['name'])), `sluice-${stage}-Private`]
      expect(names.filter((name) => !taken(name))).toEqual([])
      expect(names.map((name) => name.replace(`-${stage}-`, `-${stage}-us-`)).filter(taken)).toEqual([])
      expect(names.map((name) => name.replace(`-${stage}-`, `-${stage}-Us-`)).filter(taken)).toEqual([])
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
  test('production is kept from being lost', () => {
    expect(graphs.production.outputs['_protect']).toBe(true)
    expect(graphs.dev.outputs['_protect']).toBe(false)
  })
})
