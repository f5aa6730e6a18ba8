import type { Deployed, Name } from './grants'
import { dead } from './dead'
import { approval, hold, http, people, sequencer, socket, stream, sweeper } from './functions'
import { dataKey } from './keys'
import { apart } from './private'
import { operator, prefix, region } from './stage'
import { counted, countedApart } from './words'

/** Who hears of it. Without `SLUICE_OPERATOR_MAIL` the topic is there for whoever subscribes. */
const topic = new aws.sns.Topic('Operators', { kmsMasterKeyId: dataKey.id })
if (operator !== '') new aws.sns.TopicSubscription('OperatorMail', { topic: topic.arn, protocol: 'email', endpoint: operator })

const namespace = `Sluice/${prefix}`
const functions: Readonly<Record<Name, sst.aws.Function> & Partial<Record<Deployed, sst.aws.Function>>> = { ...(apart && { Private: apart.reach }), Http: http, Hold: hold, Stream: stream, People: people, Socket: socket, Approval: approval, Sequencer: sequencer, Sweeper: sweeper }
/** Those with an address of their own. */
const answering: Readonly<Partial<Record<Name, sst.aws.Function>>> = { Http: http, Hold: hold, Stream: stream, People: people }

const rings = { ...counted, ...(apart && countedApart) }

const alarm = (name: string, args: Omit<aws.cloudwatch.MetricAlarmArgs, 'alarmActions' | 'okActions'>) =>
  new aws.cloudwatch.MetricAlarm(name, { treatMissingData: 'notBreaching', ...args, alarmActions: [topic.arn], okActions: [topic.arn] })
const over = { comparisonOperator: 'GreaterThanThreshold', evaluationPeriods: 1, period: 60, statistic: 'Sum', threshold: 0 } as const

for (const [name, { words, lasting }] of Object.entries(rings)) {
  for (const [where, of] of Object.entries(functions)) {
    new aws.cloudwatch.LogMetricFilter(`${where}${name}`, { logGroupName: of.nodes.function.loggingConfig.apply((config) => config?.logGroup ?? ''), pattern: `{ ${words.map((one) => `($.alarm = "${one}")`).join(' || ')} }`, metricTransformation: { name, namespace, value: '1', defaultValue: '0' } })
  }
  alarm(`Alarm${name}`, { ...over, ...(lasting && { evaluationPeriods: 15, datapointsToAlarm: 3 }), alarmDescription: words.join('; or '), namespace, metricName: name })
}
for (const [where, of] of Object.entries(functions)) {
  const dimensions = { FunctionName: of.name }
  alarm(`${where}Errors`, { ...over, alarmDescription: `${where} throws`, namespace: 'AWS/Lambda', metricName: 'Errors', dimensions, threshold: where === 'Sequencer' ? 2 : 0 })
  // A stream calls once a shard, and it has more shards than the sequencer places: it waits and calls again, as it is meant to. That it waits too long is told by the age of what waits, below.
  if (where !== 'Sequencer') alarm(`${where}Throttles`, { ...over, alarmDescription: `${where} has no place left`, namespace: 'AWS/Lambda', metricName: 'Throttles', dimensions })
}
/**
 * The gate throws nothing at its callers: what fails is an answer of 500 or more, and a function that gives nothing else has no `Errors`. A target that is down is among them, and a statement that ran out of time, so it is
 * their share that rings: more than one in twenty, of twenty answers in five minutes at the least.
 */
for (const [where, of] of Object.entries(answering)) {
  const metric = (id: string, metricName: string) => ({ id, metric: { namespace: 'AWS/Lambda', metricName, dimensions: { FunctionName: of.name }, period: 300, stat: 'Sum' } })
  alarm(`${where}Failing`, {
    comparisonOperator: 'GreaterThanThreshold', threshold: 5, evaluationPeriods: 1, alarmDescription: `${where} answers 500 or more to over 5 % of its calls`,
    metricQueries: [metric('failed', 'Url5xxCount'), metric('asked', 'UrlRequestCount'), { id: 'share', expression: 'IF(asked >= 20, 100 * FILL(failed, 0) / asked, 0)', label: 'per cent of answers', returnData: true }],
  })
}
/** Events that the log does not hold yet grow old: the stream behind, or the sequencer gone. */
alarm('AlarmUnsequenced', { ...over, alarmDescription: 'what was recorded is not in the log', namespace: 'AWS/Lambda', metricName: 'IteratorAge', dimensions: { FunctionName: sequencer.name }, statistic: 'Maximum', threshold: 300_000, evaluationPeriods: 3 })
/** What a schedule wakes and nobody misses: one that does not run alarms of nothing, and settles, expires and cuts nothing. */
for (const [name, of] of [['Sequencer', sequencer], ['Sweeper', sweeper]] as const) {
  alarm(`Alarm${name}Silent`, { alarmDescription: `the ${name.toLowerCase()} did not run`, namespace: 'AWS/Lambda', metricName: 'Invocations', dimensions: { FunctionName: of.name }, statistic: 'Sum', comparisonOperator: 'LessThanThreshold', threshold: 1, period: 300, evaluationPeriods: 2, treatMissingData: 'breaching' })
}
/** `SequencerErrors` rings at the third error within a minute. In a quiet stage it runs once a minute: it could fail for good, and never three times in one. */
alarm('AlarmSequencerFails', { ...over, alarmDescription: 'the sequencer fails, minute after minute', namespace: 'AWS/Lambda', metricName: 'Errors', dimensions: { FunctionName: sequencer.name }, evaluationPeriods: 5, datapointsToAlarm: 5 })
alarm('AlarmDeadLetters', { ...over, alarmDescription: 'a schedule or a stream gave up', namespace: 'AWS/SQS', metricName: 'ApproximateNumberOfMessagesVisible', dimensions: { QueueName: dead.name }, statistic: 'Maximum' })

new aws.cloudwatch.Dashboard('Dashboard', {
  dashboardName: prefix,
  dashboardBody: $resolve([region, ...Object.values(functions).map(({ name }) => name)]).apply(([where, ...names]) => JSON.stringify({
    widgets: [
      ...(['Invocations', 'Errors', 'Throttles', 'Duration', 'ConcurrentExecutions'] as const).map((metric, i) => ({
        type: 'metric', x: (i % 2) * 12, y: Math.floor(i / 2) * 6, width: 12, height: 6,
        properties: { title: metric, region: where, stat: metric === 'Duration' ? 'p99' : metric === 'ConcurrentExecutions' ? 'Maximum' : 'Sum', period: 60, metrics: names.map((name) => ['AWS/Lambda', metric, 'FunctionName', name]) },
      })),
      { type: 'metric', x: 12, y: 12, width: 12, height: 6, properties: { title: 'What the gate alarms of', region: where, stat: 'Sum', period: 300, metrics: Object.keys(rings).map((name) => [namespace, name]) } },
    ],
  })),
})
