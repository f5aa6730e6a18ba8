import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { executors, functions } from '../../infra/grants.ts'
import { placesOf } from '../../infra/places.ts'
import { deployed, mayOf, readable, statementsOf } from './deployed.ts'
import { installed, type Resource } from './evaluate.ts'

/** What a private network adds to what is deployed, and that nothing of it is there without one. */
const open = { SLUICE_DOMAIN: 'sluice.acme.dev', SLUICE_TARGETS: 'shop-read,shop-write,shop-plain', SLUICE_MAIL_FROM: 'sluice@acme.dev', SLUICE_OPERATOR_MAIL: 'operators@acme.dev' }
const network = { SLUICE_VPC_SUBNETS: 'subnet-0123456789abcdef0,subnet-0123456789abcdef1', SLUICE_VPC_GROUPS: 'sg-0123456789abcdef0', SLUICE_PRIVATE_TARGETS: 'ledger-read,ledger-write' }
/** A network that has no way to Secrets Manager and DynamoDB yet. */
const ways = { SLUICE_VPC: 'vpc-0123456789abcdef0', SLUICE_VPC_ROUTES: 'rtb-0123456789abcdef0,rtb-0123456789abcdef1' }
/** Of those who send errands, each its own. */
const keys = executors.map((name) => `sluice-private-key-${name.toLowerCase()}`).sort()
const evaluate = async (env: Readonly<Record<string, string>>, stage = 'production'): Promise<readonly Resource[]> => (await deployed(env, stage)).resources

if (!installed) console.log('skipped: test/infra/vpc.test.ts, because .sst/platform is missing; `npx sst install` makes it')
describe.skipIf(!installed)('a function in a private network', () => {
  let [without, within, made] = [[], [], []] as [readonly Resource[], readonly Resource[], readonly Resource[]]
  beforeAll(async () => {
    without = await evaluate(open)
    within = await evaluate({ ...open, ...network })
    made = await evaluate({ ...open, ...network, ...ways })
  }, 120_000)
  const found = (resources: readonly Resource[], type: string, name: string) => resources.find((one) => one.type === type && one.name === name)?.inputs
  const roleOf = (name: string) => mayOf(within, name)

  test('is there only where a network is named: without, not one resource, permission or variable of it', () => {
    expect(JSON.stringify(without)).not.toMatch(/vpc(?!e)|subnet-|sg-0|rtb-|ec2:|SLUICE_PRIVATE|sluice-private-key|cut#/i)
    const names = (resources: readonly Resource[]) => new Set(resources.map(({ type, name }) => `${type} ${name}`))
    const [before, after, also] = [names(without), names(within), names(made)]
    expect([...before].filter((one) => !after.has(one))).toEqual([])
    expect([...after].filter((one) => !before.has(one) && !/ (Alarm)?(Private|SecretPrivate|NotOfTheGate|ErrandFailed|CutLost|CutsNotHeard)|(NotOfTheGate|ErrandFailed|CutLost|CutsNotHeard)$/.test(one))).toEqual([])
    expect([...also].filter((one) => !after.has(one)).sort()).toEqual(['aws:ec2/securityGroup:SecurityGroup SecretsDoor', 'aws:ec2/vpcEndpoint:VpcEndpoint CutsEndpoint', 'aws:ec2/vpcEndpoint:VpcEndpoint SecretsEndpoint'])
  })
  test('stands in those subnets behind those groups, it alone, and has no address of its own', () => {
    const functionsOf = within.filter(({ type }) => type === 'aws:lambda/function:Function')
    expect(functionsOf.filter(({ inputs }) => inputs['vpcConfig'] !== undefined).map(({ name, inputs }) => [name, inputs['vpcConfig']])).toEqual([
      ['PrivateFunction', { subnetIds: ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'], securityGroupIds: ['sg-0123456789abcdef0'] }],
    ])
    expect(found(within, 'aws:lambda/function:Function', 'PrivateFunction')).toMatchObject({ name: 'sluice-production-Private', handler: 'index.handler', runtime: 'nodejs24.x' })
    expect(within.filter(({ type, name }) => type === 'aws:lambda/functionUrl:FunctionUrl' && /private/i.test(name))).toEqual([])
    expect(found(within, 'aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig', 'PrivateOnce')).toMatchObject({ maximumRetryAttempts: 0 })
  })
  test('may read its own secrets and what is cut, and be put into a network, and nothing else: no machine, no key, no other row of a table, no other\'s target', () => {
    const may = roleOf('Private')
    const [allow, deny] = [may.filter(({ effect }) => effect === 'Allow'), may.filter(({ effect }) => effect === 'Deny')]
    expect(allow.flatMap(({ actions }) => actions).sort()).toEqual([
      'dynamodb:GetItem', 'ec2:AssignPrivateIpAddresses', 'ec2:CreateNetworkInterface', 'ec2:DeleteNetworkInterface', 'ec2:DescribeNetworkInterfaces', 'ec2:DescribeSecurityGroups', 'ec2:DescribeSubnets', 'ec2:DescribeVpcs', 'ec2:UnassignPrivateIpAddresses',
      'logs:CreateLogStream', 'logs:PutLogEvents', 'secretsmanager:GetSecretValue',
    ])
    const read = allow.find(({ actions }) => actions.includes('secretsmanager:GetSecretValue'))?.resources.map((arn) => arn.replace(/^.*secret:sluice-production\/(.*)-AbCdEf$/, '$1'))
    expect(read?.sort()).toEqual(['ledger-read', 'ledger-write', 'sluice-mask-key', ...keys, 'sluice-private-sight'])
    // One row of one table by its name, and none whose name does not begin so: a request that says no key, were there one, meets the second condition.
    expect(allow.filter(({ actions }) => actions.some((action) => action.startsWith('dynamodb:')))).toMatchObject([{ actions: ['dynamodb:GetItem'], resources: [expect.stringMatching(/:table\/sluice-production-state$/) as unknown], conditions: [
      { test: 'ForAllValues:StringLike', variable: 'dynamodb:LeadingKeys', values: ['cut#*'] }, { test: 'Null', variable: 'dynamodb:LeadingKeys', values: ['false'] },
    ] }])
    // Its code, and whoever gets into it, cannot do what Lambda does with the role.
    expect(deny).toHaveLength(1)
    expect(deny[0]?.actions.sort()).toEqual(allow.flatMap(({ actions }) => actions).filter((action) => action.startsWith('ec2:')).sort())
    expect(JSON.stringify(deny[0]?.conditions)).toContain('lambda:SourceFunctionArn')
    expect(JSON.stringify(deny[0]?.conditions)).toContain(':function:sluice-production-Private')
    for (const { actions, resources } of allow) for (const resource of resources) if (resource === '*') expect(actions.every((action) => action.startsWith('ec2:Describe'))).toBe(true)
    expect(found(within, 'aws:iam/role:Role', 'PrivateRole')?.['managedPolicyArns']).toEqual([])
  })
  test('is invoked by those who execute and by nobody else; and its targets\' credentials are read by nobody else', () => {
    const invokers = Object.keys(functions).filter((name) => roleOf(name).some(({ actions, resources }) => actions.includes('lambda:InvokeFunction') && resources.some((arn) => arn.endsWith(':sluice-production-Private'))))
    expect(invokers.sort()).toEqual([...executors].sort())
    const knowing = Object.keys(functions).filter((name) => JSON.stringify(found(within, 'aws:lambda/function:Function', `${name}Function`)?.['environment']).includes('"SLUICE_PRIVATE":"sluice-production-Private"'))
    expect(knowing.sort()).toEqual([...executors].sort())
    for (const name of Object.keys(functions)) {
      const readable = roleOf(name).filter(({ actions }) => actions.includes('secretsmanager:GetSecretValue')).flatMap(({ resources }) => resources).join()
      expect([name, readable.includes('ledger-')]).toEqual([name, false])
      expect([name, readable.includes('sluice-private-sight')]).toEqual([name, false])
      expect([name, keys.filter((key) => readable.includes(`/${key}-`))]).toEqual([name, (executors as readonly string[]).includes(name) ? [`sluice-private-key-${name.toLowerCase()}`] : []])
    }
    const variables = (name: string) => (found(within, 'aws:lambda/function:Function', `${name}Function`)?.['environment'] as { variables?: Record<string, string> } | undefined)?.variables
    for (const name of executors) expect(variables(name)?.['SLUICE_PRIVATE_AS']).toBe(name.toLowerCase())
    expect(variables('Private')?.['SLUICE_PRIVATE_FOR']?.split(',').sort()).toEqual(executors.map((name) => name.toLowerCase()).sort())
    for (const target of ['PrivateLedgerRead', 'PrivateLedgerWrite']) {
      const [statement] = statementsOf(found(within, 'aws:secretsmanager/secretPolicy:SecretPolicy', `${target}Policy`)?.['policy'])
      expect(statement).toMatchObject({ Effect: 'Deny', Action: 'secretsmanager:GetSecretValue', Condition: { StringNotEquals: { 'aws:PrincipalArn': ['arn:aws:iam::123456789012:role/sluice-production-Private'] } } })
    }
  })
  test('an endpoint, where one is made, serves these secrets to this role and takes nothing from elsewhere', () => {
    const inputs = found(made, 'aws:ec2/vpcEndpoint:VpcEndpoint', 'SecretsEndpoint')
    expect(inputs).toMatchObject({ vpcId: 'vpc-0123456789abcdef0', serviceName: 'com.amazonaws.eu-central-1.secretsmanager', privateDnsEnabled: true, subnetIds: network.SLUICE_VPC_SUBNETS.split(',') })
    const [statement, ...more] = statementsOf(inputs?.['policy'])
    expect(more).toEqual([])
    expect(statement).toMatchObject({ Action: 'secretsmanager:GetSecretValue', Condition: { StringEquals: { 'aws:PrincipalArn': ['arn:aws:iam::123456789012:role/sluice-production-Private'] } } })
    expect([statement?.Resource].flat()).toHaveLength(4 + keys.length)
    expect(found(made, 'aws:ec2/securityGroup:SecurityGroup', 'SecretsDoor')?.['ingress']).toEqual([{ protocol: 'tcp', fromPort: 443, toPort: 443, securityGroups: ['sg-0123456789abcdef0'] }])
  })
  test('the way to DynamoDB, where one is made, lets this role read those rows, and is none for anything else in the network', () => {
    const inputs = found(made, 'aws:ec2/vpcEndpoint:VpcEndpoint', 'CutsEndpoint')
    expect(inputs).toMatchObject({ vpcId: 'vpc-0123456789abcdef0', serviceName: 'com.amazonaws.eu-central-1.dynamodb', vpcEndpointType: 'Gateway', routeTableIds: ways.SLUICE_VPC_ROUTES.split(',') })
    const [statement, ...more] = statementsOf(inputs?.['policy'])
    expect(more).toEqual([])
    expect([statement?.Action].flat()).toEqual(['dynamodb:GetItem'])
    expect([statement?.Resource].flat()).toEqual([expect.stringMatching(/:table\/sluice-production-state$/)])
    expect(statement?.Condition).toEqual({ StringEquals: { 'aws:PrincipalArn': ['arn:aws:iam::123456789012:role/sluice-production-Private'] }, 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['cut#*'] }, Null: { 'dynamodb:LeadingKeys': 'false' } })
  })
  test('who says what is cut may do nothing more for it than without a private network', () => {
    for (const name of executors) {
      const may = (resources: readonly Resource[]) => mayOf(resources, name).filter(({ actions }) => actions.some((action) => action.startsWith('dynamodb:')))
      expect(may(within), name).toEqual(may(without))
      expect(may(within).some(({ actions, resources }) => actions.includes('dynamodb:UpdateItem') && resources.some((arn) => arn.endsWith(':table/sluice-production-state'))), name).toBe(true)
    }
  })
  test('what it adds to production, or changes there, is what was agreed to', async () => {
    const before = new Set(readable({ resources: without }).split('\n'))
    await expect(readable({ resources: made }).split('\n').filter((line) => line === '' || !before.has(line)).join('\n')).toMatchFileSnapshot('./graph.private.txt')
  })
  test('has places of its own, and is watched', () => {
    const places = within.filter(({ type, name }) => type === 'aws:lambda/function:Function' && name !== 'Challenge').map(({ name, inputs }) => [name.replace(/Function$/, ''), Number(inputs['reservedConcurrentExecutions'])] as const)
    expect(Object.fromEntries(places)['Private']).toBe(179)
    expect(places.reduce((sum, [, count]) => sum + count, 0)).toBeLessThanOrEqual(900)
    for (const name of ['PrivateErrors', 'PrivateThrottles', 'AlarmNotOfTheGate']) expect(found(within, 'aws:cloudwatch/metricAlarm:MetricAlarm', name), name).toBeDefined()
  })
  test('a secret cannot be of an open and of a private target', async () => {
    await expect(evaluate({ ...open, ...network, SLUICE_PRIVATE_TARGETS: 'shop-read' }, 'dev')).rejects.toThrow('`shop-read` is in SLUICE_TARGETS and in SLUICE_PRIVATE_TARGETS')
  }, 60_000)
})

describe('what is said of the network', () => {
  afterEach(() => { vi.unstubAllEnvs(); vi.resetModules() })
  const read = async (env: Readonly<Record<string, string>>) => {
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value)
    return (await import('../../infra/vpc.ts')).vpc
  }
  test('is nothing, or all of it', async () => {
    expect(await read({})).toBe(null)
    vi.resetModules()
    expect(await read(network)).toEqual({ id: null, subnets: network.SLUICE_VPC_SUBNETS.split(','), groups: ['sg-0123456789abcdef0'], routes: [], targets: ['ledger-read', 'ledger-write'] })
    vi.resetModules()
    expect(await read({ ...network, ...ways })).toMatchObject({ id: ways.SLUICE_VPC, routes: ways.SLUICE_VPC_ROUTES.split(',') })
  })
  test.each([
    ['a network and no target', { ...network, SLUICE_PRIVATE_TARGETS: '' }], ['a target and no network', { SLUICE_PRIVATE_TARGETS: 'ledger-read' }], ['no group', { ...network, SLUICE_VPC_GROUPS: '' }], ['what is no subnet', { ...network, SLUICE_VPC_SUBNETS: 'subnet-*' }],
    ['what is no name', { ...network, SLUICE_PRIVATE_TARGETS: '*' }], ['an endpoint without a network', { SLUICE_VPC: 'vpc-0123456789abcdef0' }], ['route tables of no network', { ...network, SLUICE_VPC_ROUTES: ways.SLUICE_VPC_ROUTES }], ['what is no route table', { ...network, ...ways, SLUICE_VPC_ROUTES: 'main' }], ['two networks', { ...network, SLUICE_VPC: 'vpc-0123456789abcdef0,vpc-0123456789abcdef1' }],
  ])('%s is an error before anything is deployed', async (_, env) => { await expect(read(env)).rejects.toThrow(/SLUICE_(VPC|PRIVATE)/) })
})

test('where there is one it takes a fifth of the places, and the rest is shared as it is else', () => {
  const [alone, both] = [placesOf(1000), placesOf(1000, Infinity, true)]
  expect([alone?.Private, both?.Private]).toEqual([undefined, 179])
  for (const name of ['Http', 'Hold', 'Stream', 'Socket', 'Approval', 'People'] as const) expect(Math.abs((both?.[name] ?? 0) / (alone?.[name] ?? 1) - 0.8)).toBeLessThan(0.02)
})
