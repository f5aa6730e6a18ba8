import { approvalDefinition } from './approval'
import { arnOf, lambda, secretsOf } from './function'
import { dead } from './dead'
import type { Name } from './grants'
import { dataKey, logKeys, letSign } from './keys'
import { lockMode, logBucket, onBucket, retainDays } from './log'
import { apart } from './private'
import { beating, regional } from './regions'
import { edgeValue, indexSecret, ownSecrets, slackSigning, slackToken, targetSecrets } from './secrets'
import { account, domain, mailFrom, prefix, production, region } from './stage'
import { tables } from './tables'

const machineName = `${prefix}-approval`
const machineArn = arnOf('states', `stateMachine:${machineName}`)
const bucketUrl = $interpolate`https://${logBucket.name}.s3.${region}.amazonaws.com`

export const socketApi = new sst.aws.ApiGatewayWebSocket('SocketApi', {
  domain: `socket.${domain}`, accessLog: { retention: production ? '1 year' : '1 week' },
  transform: {
    // There is no firewall before sockets, so this is where a flood ends before a function is paid for.
    stage: (args) => { args.defaultRouteSettings = { throttlingRateLimit: 500, throttlingBurstLimit: 1000 } },
    accessLog: (args) => { args.kmsKeyId = dataKey.arn },
  },
})
const socketEndpoint = $interpolate`https://${socketApi.nodes.api.id}.execute-api.${region}.amazonaws.com/$default`

const common = { SLUICE_HOME_REGION: region, SLUICE_PUBLIC_URL: `https://${domain}`, SLUICE_CONSOLE_URL: `https://console.${domain}`, SLUICE_SECRETS: prefix, ...regional }
const asking = { SLUICE_STATE_MACHINE: machineArn }
const log = { SLUICE_LOG_NAME: `${domain}/audit`, SLUICE_LOG_BUCKET: bucketUrl, SLUICE_LOG_KEY: $resolve(logKeys).apply((arns) => arns.join()), SLUICE_LOG_DAYS: String(retainDays), SLUICE_LOG_LOCK: lockMode }
const executing = (name: Name) => [secretsOf(ownSecrets.session, ownSecrets.mask, ownSecrets.result, ...targetSecrets), ...apart?.may(name) ?? []]
/** Of those who execute: what they ask people with, and where the engines of private targets are. */
const acting = (name: Name) => ({ ...asking, ...apart?.environment(name) })
const startAndWake = [{ actions: ['states:StartExecution'], resources: [machineArn] }, { actions: ['states:SendTaskSuccess'], resources: [machineArn] }]
const logPublic = { actions: ['kms:GetPublicKey'], resources: logKeys }
const push = [{ actions: ['execute-api:ManageConnections'], resources: [$interpolate`${socketApi.nodes.api.executionArn}/$default/POST/@connections/*`, $interpolate`${socketApi.nodes.api.executionArn}/$default/DELETE/@connections/*`] }]
const mail = mailFrom === '' ? [] : [{ actions: ['ses:SendEmail'], resources: [arnOf('ses', `identity/${mailFrom.split('@')[1]}`), arnOf('ses', `identity/${mailFrom}`)] }]
const slack: Record<string, string> = process.env['SLUICE_SLACK'] ? { SLUICE_SLACK: 'yes' } : {}
/** Of those who tell people. One without these ways would use up the attempts of each destination, and nobody would be told by the other either. */
const telling: Record<string, string> = { ...(mailFrom === '' ? {} : { SLUICE_MAIL_FROM: mailFrom }), ...slack }
const reaching = [secretsOf(slackToken), ...mail]
const index: Record<string, string> = process.env['SLUICE_INDEX'] ? { SLUICE_INDEX: 'yes' } : {}
const edge = { SLUICE_EDGE_KEY: edgeValue.base64 }

// The same gate three times: what holds callers while people decide, and what lasts, has places of its own, so that neither can keep a query from being decided; and each carries what it answers with and no more. Http alone reads the log; the others know where it is to promise each event's place in it.
const served = { megabytes: 1024, streaming: true, url: true }
export const http = lambda('Http', { ...served, bundle: 'http', seconds: 60, environment: { ...common, ...acting('Http'), ...log, ...index, ...slack, ...edge }, may: [...executing('Http'), secretsOf(indexSecret, slackSigning), ...startAndWake, ...onBucket('Http'), logPublic] })
export const hold = lambda('Hold', { ...served, bundle: 'hold', seconds: 75, environment: { ...common, ...acting('Hold'), ...log, ...edge }, may: [...executing('Hold'), ...startAndWake] })
export const stream = lambda('Stream', { ...served, bundle: 'lasting', seconds: 900, environment: { ...common, ...acting('Stream'), ...log, ...edge }, may: [...executing('Stream'), ...startAndWake] })
/** The approvers' origin: it has no target's secret, and no way to the policy but to read it. */
export const people = lambda('People', { bundle: 'people', megabytes: 512, seconds: 30, url: true, environment: { ...common, ...asking, ...edge }, may: [secretsOf(ownSecrets.console, ownSecrets.session, ownSecrets.result), ...startAndWake] })

export const socket = lambda('Socket', { bundle: 'websocket', megabytes: 512, seconds: 60, environment: { ...common, ...acting('Socket'), SLUICE_SOCKET_ENDPOINT: socketEndpoint }, may: [...executing('Socket'), secretsOf(ownSecrets.socket), ...startAndWake, ...push] })
for (const route of ['$connect', '$default', '$disconnect']) socketApi.route(route, socket.arn)

export const approval = lambda('Approval', {
  bundle: 'approval', megabytes: 512, seconds: 900, environment: { ...common, ...acting('Approval'), ...log, ...telling, SLUICE_SOCKET_ENDPOINT: socketEndpoint },
  may: [...executing('Approval'), secretsOf(ownSecrets.socket), ...startAndWake, ...push, ...reaching],
})

/** Our own machine, from the one definition there is: SST's component writes a `Timeout` that is no ASL, and a role that may do anything with events. */
const machineRole = new aws.iam.Role('MachineRole', {
  assumeRolePolicy: account.apply((owner) => JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: { Service: 'states.amazonaws.com' }, Action: 'sts:AssumeRole', Condition: { StringEquals: { 'aws:SourceAccount': owner } } }] })),
  inlinePolicies: [{ name: 'invoke', policy: approval.arn.apply((arn) => JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: ['lambda:InvokeFunction'], Resource: [arn] }] })) }],
})
export const machine = new aws.sfn.StateMachine('Machine', { name: machineName, type: 'STANDARD', roleArn: machineRole.arn, definition: approval.arn.apply(approvalDefinition) }, { protect: production })

/** Writes the log: the one role that signs, and the one that writes its tables and objects.  */
export const sequencer = lambda('Sequencer', {
  bundle: 'sequencer', megabytes: 1769, seconds: 300, environment: { ...common, ...log, ...index },
  may: [
    secretsOf(indexSecret),
    ...onBucket('Sequencer'),
    { actions: ['kms:Sign', 'kms:GetPublicKey'], resources: logKeys },
    { actions: ['dynamodb:DescribeStream', 'dynamodb:GetRecords', 'dynamodb:GetShardIterator'], resources: [tables.audit.nodes.table.streamArn] },
    { actions: ['dynamodb:ListStreams'], resources: [$interpolate`${tables.audit.arn}/stream/*`] },        // Lambda takes no stream as a source without it
    { actions: ['sqs:SendMessage'], resources: [dead.arn] },
  ],
})
letSign(sequencer.nodes.role.arn)

/** Settles what a process did not live to settle, brings on requests that were left lying (what is approved may have to be executed, and people may have to be told), ends sockets that a lock or the clock ended, and removes from the record and the log what the policy keeps no longer: the one role that may. */
export const sweeper = lambda('Sweeper', { bundle: 'sweeper', megabytes: 512, seconds: 300, environment: { ...common, ...acting('Sweeper'), ...log, ...telling, SLUICE_SOCKET_ENDPOINT: socketEndpoint }, may: [...executing('Sweeper'), ...startAndWake, ...push, ...reaching, secretsOf(ownSecrets.socket), ...onBucket('Sweeper'), logPublic, ...beating(tables.policy.arn)] })
