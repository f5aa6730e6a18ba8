import { describe, expect, test } from 'vitest'
import { functions, type Name } from '../../infra/grants.ts'
import { deployed, type Statement, statementsOf } from './deployed.ts'
import { type Graph, installed } from './evaluate.ts'
import { env } from './stages.ts'

/** What the variables of a deployment change, and which of them it refuses. */
if (!installed) console.log('skipped: test/infra/settings.test.ts, because .sst/platform is missing; `npx sst install` makes it')

describe.skipIf(!installed)('what is deployed', () => {
  test('production is not deployed where no places can be reserved, and dev is', async () => {
    const evaluate = (stage: string, limit: string) => deployed({ ...env, SLUICE_CONCURRENCY: limit }, stage)
    await expect(evaluate('production', '10')).rejects.toThrow('SLUICE_CONCURRENCY')
    const { resources } = await evaluate('dev', '10')
    expect(resources.filter(({ type, inputs }) => type === 'aws:lambda/function:Function' && inputs['reservedConcurrentExecutions'] !== undefined)).toEqual([])
  }, 120_000)
  test('as many targets as there may be fit into every role, and more are refused before anything is made', async () => {
    const evaluate = (targets: readonly string[]) => deployed({ ...env, SLUICE_TARGETS: targets.join(','), SLUICE_SLACK: '1', SLUICE_INDEX: '1' }, 'production')
    const names = Array.from({ length: 54 }, (_, i) => `connection${i}-read`)
    const { resources } = await evaluate(names)
    const sizes = resources.filter(({ type }) => type === 'aws:iam/role:Role').map(({ name, inputs }) => [name, ((inputs['inlinePolicies'] ?? []) as { policy: string }[]).reduce((sum, { policy }) => sum + policy.replaceAll(/\s/g, '').length, 0)] as const)
    expect(Math.max(...sizes.map(([, size]) => size))).toBeGreaterThan(7000)
    for (const [name, size] of sizes) expect(size, name).toBeLessThan(10_240 - 1000)     // the mocks' names of regions and functions are short
    await expect(evaluate([...names, ...names.map((name) => `${name}-too`)])).rejects.toThrow('SLUICE_TARGETS')
  }, 120_000)
  test('of several regions the first has the policy and replicates it, another reads that and has everything else for itself', async () => {
    const regions = 'eu-central-1=https://sluice.acme.dev,us-east-1=https://us.sluice.acme.dev'
    const evaluate = (more: object) => deployed({ ...env, SLUICE_REGIONS: regions, ...more }, 'dev')
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
})
