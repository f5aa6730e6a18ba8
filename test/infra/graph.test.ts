import { execFile } from 'node:child_process'
import { mkdirSync, existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, test } from 'vitest'
import { tables as shapes } from '../../schema/item.ts'
import { actionsOf, functions, type Name } from '../../infra/grants.ts'
import { type Graph, installed, type Resource } from './evaluate.ts'

/** What would be deployed, as SST's own components make it of sst.config.ts. `UPDATE=1 npx vitest run test/infra` rewrites the readable graph beside this file, which changes only on purpose. */
const root = join(import.meta.dirname, '../..')
const stages = ['dev', 'production'] as const
type Stage = (typeof stages)[number]
const graphs = {} as Record<Stage, Graph>
const env = { ...process.env, SLUICE_DOMAIN: 'sluice.acme.dev', SLUICE_TARGETS: 'shop-read,shop-write,shop-plain', SLUICE_MAIL_FROM: 'sluice@acme.dev', SLUICE_OPERATOR_MAIL: 'operators@acme.dev' }

if (!installed) console.log('skipped: test/infra/graph.test.ts, because .sst/platform is missing; `npx sst install` makes it')

const of = (stage: Stage, type: string): readonly Resource[] => graphs[stage].resources.filter((resource) => resource.type === type)
const json = (value: unknown): unknown => JSON.parse(typeof value === 'string' ? value : JSON.stringify(value))
interface Statement { readonly Effect?: string; readonly effect?: string; readonly Action?: string | string[]; readonly actions?: string[]; readonly Resource?: string | string[]; readonly resources?: string[]; readonly Principal?: unknown }
const statementsOf = (policy: unknown): readonly Statement[] => {
  const read = json(policy) as { Statement?: Statement[]; statements?: Statement[] }
  return read.Statement ?? read.statements ?? []
}
const roleOf = (stage: Stage, name: string): Resource => {
  const found = of(stage, 'aws:iam/role:Role').find((role) => role.name === `${name}Role`)
  if (!found) throw new Error(`no role of ${name}`)
  return found
}
const allowed = (role: Resource) => (role.inputs['inlinePolicies'] as { policy: string }[]).flatMap(({ policy }) => statementsOf(policy)).map((statement) => ({ actions: [statement.Action ?? statement.actions ?? []].flat(), resources: [statement.Resource ?? statement.resources ?? []].flat() }))

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
      const roles = of(stage, 'aws:iam/role:Role').filter(({ name }) => !name.startsWith('APIGateway'))
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
      expect(of(stage, 'aws:s3/bucket:Bucket')[0]?.inputs).toMatchObject({ objectLockEnabled: true, forceDestroy: false })
      expect(of(stage, 'aws:s3/bucketVersioning:BucketVersioning')[0]?.inputs).toMatchObject({ versioningConfiguration: { status: 'Enabled' } })
      expect(of(stage, 'aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock')[0]?.inputs).toMatchObject({ blockPublicAcls: true, blockPublicPolicy: true, ignorePublicAcls: true, restrictPublicBuckets: true })
      expect(JSON.stringify(of(stage, 'aws:s3/bucketPolicy:BucketPolicy')[0]?.inputs)).toContain('aws:SecureTransport')
    })
    test('functions: Node 24, places of their own, logs that end', () => {
      const lambdas = of(stage, 'aws:lambda/function:Function')
      expect(lambdas.map(({ name }) => name.replace(/Function$/, '')).sort()).toEqual(Object.keys(functions).sort())
      for (const { name, inputs } of lambdas) {
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
        expect(JSON.stringify(inputs['defaultCacheBehavior'])).toContain('challenge')
      }
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

/** One line a resource, its inputs in one form, without what differs between two machines or two builds. */
function readable({ resources }: Graph): string {
  const plain = (value: unknown): unknown => {
    if (typeof value === 'string') return /^\{"/.test(value) && value.length > 1500 ? '(long)' : value.replaceAll(root, '.').replaceAll(/[0-9a-f]{64}/g, '(hash)')
    if (Array.isArray(value)) return value.map(plain)
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).filter(([key]) => !/^(code|source|sourceCodeHash|asset|4dabf18193072939515e22adb298388d)$/.test(key)).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, member]) => [key, plain(member)]))
  }
  return `${resources.filter(({ type }) => !/^(sst|pulumi)/.test(type) && type !== 'aws:s3/bucketObjectv2:BucketObjectv2').map(({ type, name, inputs }) => `${type} ${name} ${JSON.stringify(plain(inputs))}`).sort().join('\n')}\n`
}
