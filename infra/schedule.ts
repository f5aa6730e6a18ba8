import { dead } from './dead'
import { sequencer, sweeper } from './functions'
import { account } from './stage'
import { tables } from './tables'

/** Wakes the sequencer a second after something is recorded. The record is the table, so what a stream loses, repeats or reorders is found by the schedule's look. */
new aws.lambda.EventSourceMapping('SequencerWakes', {
  eventSourceArn: tables.audit.nodes.table.streamArn, functionName: sequencer.arn, startingPosition: 'LATEST', batchSize: 2000, maximumBatchingWindowInSeconds: 1,
  maximumRetryAttempts: 2, maximumRecordAgeInSeconds: 600, parallelizationFactor: 1,
  destinationConfig: { onFailure: { destinationArn: dead.arn } },
})

const scheduleRole = new aws.iam.Role('ScheduleRole', {
  assumeRolePolicy: account.apply((owner) => JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: { Service: 'scheduler.amazonaws.com' }, Action: 'sts:AssumeRole', Condition: { StringEquals: { 'aws:SourceAccount': owner } } }] })),
  inlinePolicies: [{ name: 'invoke', policy: $resolve([sequencer.arn, sweeper.arn]).apply((arns) => JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: ['lambda:InvokeFunction'], Resource: arns }] })) }],
})
new aws.iam.RolePolicy('ScheduleDeadLetters', { role: scheduleRole.id, policy: dead.arn.apply((arn) => JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: ['sqs:SendMessage'], Resource: [arn] }] })) })

/** A look through the record each minute, also where nothing happens: silence is told by a heartbeat. */
for (const [name, target] of [['Sequencer', sequencer], ['Sweeper', sweeper]] as const) {
  new aws.scheduler.Schedule(`${name}EveryMinute`, {
    scheduleExpression: 'rate(1 minute)', flexibleTimeWindow: { mode: 'OFF' },
    target: { arn: target.arn, roleArn: scheduleRole.arn, input: JSON.stringify({ source: 'schedule' }), retryPolicy: { maximumRetryAttempts: 2, maximumEventAgeInSeconds: 300 }, deadLetterConfig: { arn: dead.arn } },
  })
  // The next look comes within a minute. Kept for six hours and tried again, as Lambda does unasked, calls that found no place would queue up behind each other.
  new aws.lambda.FunctionEventInvokeConfig(`${name}Once`, { functionName: target.name, maximumEventAgeInSeconds: 60, maximumRetryAttempts: 0 })
}
