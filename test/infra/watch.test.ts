import { runInNewContext } from 'node:vm'
import { beforeAll, describe, expect, test } from 'vitest'
import { functions } from '../../infra/grants.ts'
import { counted, countedApart } from '../../infra/words.ts'
import { deployed } from './deployed.ts'
import { installed, type Resource } from './evaluate.ts'

/** What rings. test/infra/words.test.ts holds the words to what the functions say; this holds the alarms to the words. */
const network = { SLUICE_VPC_SUBNETS: 'subnet-0123456789abcdef0', SLUICE_VPC_GROUPS: 'sg-0123456789abcdef0', SLUICE_PRIVATE_TARGETS: 'ledger-read' }
const all = Object.keys(functions)

if (!installed) console.log('skipped: test/infra/watch.test.ts, because .sst/platform is missing; `npx sst install` makes it')
describe.skipIf(!installed).each([
  ['without a private network', {}, counted, all], ['with one', network, { ...counted, ...countedApart }, [...all, 'Private']],
] as const)('alarms %s', (_, env, rings, names) => {
  let resources: readonly Resource[] = []
  beforeAll(async () => { resources = (await deployed({ SLUICE_DOMAIN: 'sluice.acme.dev', ...env }, 'production')).resources }, 120_000)
  const of = (type: string) => resources.filter((one) => one.type === type)
  const alarms = () => of('aws:cloudwatch/metricAlarm:MetricAlarm')
  const told = [expect.stringContaining(':Operators')] as unknown
  const metricOf = ({ inputs }: Resource) => (inputs['metricTransformation'] as { name: string }).name

  test('every word that is counted is listened for in every function\'s log, by a pattern that CloudWatch takes, and rings', () => {
    const filters = of('aws:cloudwatch/logMetricFilter:LogMetricFilter')
    for (const [metric, { words, lasting }] of Object.entries(rings)) {
      const groups = filters.filter((filter) => metricOf(filter) === metric).map(({ inputs }) => {
        expect([...String(inputs['pattern']).matchAll(/\$\.alarm = "([^"]+)"/g)].map((match) => match[1])).toEqual(words)
        return String(inputs['logGroupName'])
      })
      expect(groups.sort(), metric).toEqual(names.map((name) => `/sluice/sluice-production/${name}`).sort())
      expect(alarms().find(({ name }) => name === `Alarm${metric}`)?.inputs).toMatchObject({ namespace: 'Sluice/sluice-production', metricName: metric, threshold: 0, evaluationPeriods: lasting ? 15 : 1, alarmActions: told, okActions: told })
    }
    expect(new Set(filters.map(metricOf))).toEqual(new Set(Object.keys(rings)))
    for (const { name, inputs } of filters) {
      expect(String(inputs['pattern'])).toMatch(/^\{ \(\$\.alarm = "[^"]+"\)( \|\| \(\$\.alarm = "[^"]+"\))* \}$/)
      expect(String(inputs['pattern']).length, name).toBeLessThanOrEqual(1024)
    }
  })
  test('a gate that answers and gives nothing but errors rings: the share of 5xx of every function with an address', () => {
    const addresses = of('aws:lambda/functionUrl:FunctionUrl').map(({ inputs }) => String(inputs['functionName'])).sort()
    expect(addresses).toHaveLength(4)
    const watched = alarms().filter(({ inputs }) => JSON.stringify(inputs).includes('Url5xxCount')).map(({ inputs }) => {
      const queries = inputs['metricQueries'] as { id: string; expression?: string; returnData?: boolean; metric?: { metricName: string; period: number; stat: string; dimensions: { FunctionName: string } } }[]
      expect(queries.map(({ id, metric, returnData }) => [id, metric?.metricName, metric?.stat, metric?.period, returnData])).toEqual([['failed', 'Url5xxCount', 'Sum', 300, undefined], ['asked', 'UrlRequestCount', 'Sum', 300, undefined], ['share', undefined, undefined, undefined, true]])
      const share = (failed: number | null, asked: number): number => Number(runInNewContext(String(queries[2]?.expression).replace('FILL(failed, 0)', '(failed ?? 0)').replace(/^IF\((.*), (.*), (.*)\)$/, '($1) ? ($2) : ($3)'), { failed, asked }))
      expect([share(20, 20), share(null, 500), share(6, 100), share(5, 100), share(3, 3)]).toEqual([100, 0, 6, 5, 0])
      expect(inputs).toMatchObject({ comparisonOperator: 'GreaterThanThreshold', threshold: 5, treatMissingData: 'notBreaching', alarmActions: told })
      for (const key of ['metricName', 'namespace', 'period', 'statistic', 'dimensions']) expect(inputs, key).not.toHaveProperty(key)     // CloudWatch takes either these or queries
      const called = new Set(queries.flatMap(({ metric }) => metric?.dimensions.FunctionName ?? []))
      expect(called.size).toBe(1)
      return [...called][0] ?? ''
    })
    expect(watched.sort()).toEqual(addresses)
  })
  test.each(['Sequencer', 'Sweeper'])('a %s that does not run rings, also where there is no figure of it at all', (name) => {
    const schedules = of('aws:scheduler/schedule:Schedule').map((one) => one.name)
    expect(schedules.sort()).toEqual(['SequencerEveryMinute', 'SweeperEveryMinute'])
    expect(alarms().find((one) => one.name === `Alarm${name}Silent`)?.inputs).toMatchObject({ namespace: 'AWS/Lambda', metricName: 'Invocations', dimensions: { FunctionName: expect.stringContaining(name) as unknown }, comparisonOperator: 'LessThanThreshold', threshold: 1, treatMissingData: 'breaching', alarmActions: told })
  })
  test('a sequencer that fails once a minute rings, as it fails in a stage where nothing happens', () => {
    expect(alarms().find(({ name }) => name === 'AlarmSequencerFails')?.inputs).toMatchObject({ metricName: 'Errors', dimensions: { FunctionName: expect.stringContaining('Sequencer') as unknown }, threshold: 0, period: 60, evaluationPeriods: 5, datapointsToAlarm: 5 })
  })
})
