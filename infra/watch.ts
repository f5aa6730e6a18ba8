import type { Deployed, Name } from './grants'
import { dead } from './dead'
import { approval, hold, http, people, sequencer, socket, stream, sweeper } from './functions'
import { dataKey } from './keys'
import { apart } from './private'
import { operator, prefix, region } from './stage'

/** Who hears of it. Without `SLUICE_OPERATOR_MAIL` the topic is there for whoever subscribes. */
const topic = new aws.sns.Topic('Operators', { kmsMasterKeyId: dataKey.id })
if (operator !== '') new aws.sns.TopicSubscription('OperatorMail', { topic: topic.arn, protocol: 'email', endpoint: operator })

const namespace = `Sluice/${prefix}`
const functions: Readonly<Record<Name, sst.aws.Function> & Partial<Record<Deployed, sst.aws.Function>>> = { ...(apart && { Private: apart.reach }), Http: http, Hold: hold, Stream: stream, People: people, Socket: socket, Approval: approval, Sequencer: sequencer, Sweeper: sweeper }

/** What the gate says on standard error as `{"alarm": …}`; each is a thing an operator must see. A test reads the functions and fails for words that none of them says. */
const spoken: Readonly<Record<string, readonly string[]>> = {
  UnsettledIntents: ['intents without an outcome were settled as unknown'], OutcomeNotRecorded: ['outcome not recorded'], EventNotRecorded: ['event not recorded'],
  LogWentBack: ['the log went back', 'the tiles of the log are not those of its checkpoint', 'events of the log are not in the record', 'entries are said to be removed, and are not as old as that'],
  HeadGone: ['the head of the log is gone'], LocksNotLengthened: ['locks of the log are not lengthened'],
  PolicyRefused: ['policy version refused', 'policy corrupt'], OriginsDisagree: ['origin_mismatch'], RequestStuck: ['a request is stuck', 'the outcome of an approved request is not known', 'nobody was told of an access request'],
  HostNotKnown: ['a host showed a key that is not known'],
  ...(apart && { NotOfTheGate: ['an errand that is not the gate\'s'], ErrandFailed: ['an errand failed'], SecretUnusable: ['a secret cannot be used'] }),
}

const alarm = (name: string, args: Omit<aws.cloudwatch.MetricAlarmArgs, 'alarmActions' | 'okActions'>) =>
  new aws.cloudwatch.MetricAlarm(name, { treatMissingData: 'notBreaching', ...args, alarmActions: [topic.arn], okActions: [topic.arn] })
const over = { comparisonOperator: 'GreaterThanThreshold', evaluationPeriods: 1, period: 60, statistic: 'Sum', threshold: 0 } as const

for (const [name, said] of Object.entries(spoken)) {
  for (const [where, of] of Object.entries(functions)) {
    new aws.cloudwatch.LogMetricFilter(`${where}${name}`, { logGroupName: of.nodes.function.loggingConfig.apply((config) => config?.logGroup ?? ''), pattern: `{ ${said.map((words) => `($.alarm = "${words}")`).join(' || ')} }`, metricTransformation: { name, namespace, value: '1', defaultValue: '0' } })
  }
  alarm(`Alarm${name}`, { ...over, alarmDescription: said.join('; or '), namespace, metricName: name })
}
for (const [where, of] of Object.entries(functions)) {
  const dimensions = { FunctionName: of.name }
  alarm(`${where}Errors`, { ...over, alarmDescription: `${where} throws`, namespace: 'AWS/Lambda', metricName: 'Errors', dimensions, threshold: where === 'Sequencer' ? 2 : 0 })
  // A stream calls once a shard, and it has more shards than the sequencer places: it waits and calls again, as it is meant to. That it waits too long is told by the age of what waits, below.
  if (where !== 'Sequencer') alarm(`${where}Throttles`, { ...over, alarmDescription: `${where} has no place left`, namespace: 'AWS/Lambda', metricName: 'Throttles', dimensions })
}
/** Events that the log does not hold yet grow old: the stream behind, or the sequencer gone. */
alarm('AlarmUnsequenced', { ...over, alarmDescription: 'what was recorded is not in the log', namespace: 'AWS/Lambda', metricName: 'IteratorAge', dimensions: { FunctionName: sequencer.name }, statistic: 'Maximum', threshold: 300_000, evaluationPeriods: 3 })
alarm('AlarmSequencerSilent', { alarmDescription: 'the sequencer did not run', namespace: 'AWS/Lambda', metricName: 'Invocations', dimensions: { FunctionName: sequencer.name }, statistic: 'Sum', comparisonOperator: 'LessThanThreshold', threshold: 1, period: 300, evaluationPeriods: 2, treatMissingData: 'breaching' })
alarm('AlarmDeadLetters', { ...over, alarmDescription: 'a schedule or a stream gave up', namespace: 'AWS/SQS', metricName: 'ApproximateNumberOfMessagesVisible', dimensions: { QueueName: dead.name }, statistic: 'Maximum' })

new aws.cloudwatch.Dashboard('Dashboard', {
  dashboardName: prefix,
  dashboardBody: $resolve([region, ...Object.values(functions).map(({ name }) => name)]).apply(([where, ...names]) => JSON.stringify({
    widgets: [
      ...(['Invocations', 'Errors', 'Throttles', 'Duration', 'ConcurrentExecutions'] as const).map((metric, i) => ({
        type: 'metric', x: (i % 2) * 12, y: Math.floor(i / 2) * 6, width: 12, height: 6,
        properties: { title: metric, region: where, stat: metric === 'Duration' ? 'p99' : metric === 'ConcurrentExecutions' ? 'Maximum' : 'Sum', period: 60, metrics: names.map((name) => ['AWS/Lambda', metric, 'FunctionName', name]) },
      })),
      { type: 'metric', x: 12, y: 12, width: 12, height: 6, properties: { title: 'What the gate alarms of', region: where, stat: 'Sum', period: 300, metrics: Object.keys(spoken).map((name) => [namespace, name]) } },
    ],
  })),
})
