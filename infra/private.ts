import { arnOf, lambda, secretsOf } from './function'
import { adapters, executors, type Name } from './grants'
import { closedSecret, madeSecret, ownSecrets, targets as openTargets } from './secrets'
import { account, partition, prefix, region, roleArns } from './stage'
import { tables } from './tables'
import { vpc } from './vpc'

const twice = vpc?.targets.find((name) => openTargets.includes(name))
if (twice !== undefined) throw new Error(`\`${twice}\` is in SLUICE_TARGETS and in SLUICE_PRIVATE_TARGETS: a private target has a secret of its own, which only the function in its network reads`)

/** What Lambda does with the role to put a function into a network. The function's own code may not: there the key is said, and denied (AWS: "Giving Lambda functions access to resources in an Amazon VPC"). */
const interfaces = {
  made: ['ec2:CreateNetworkInterface', 'ec2:DeleteNetworkInterface', 'ec2:AssignPrivateIpAddresses', 'ec2:UnassignPrivateIpAddresses'],
  seen: ['ec2:DescribeNetworkInterfaces', 'ec2:DescribeSubnets', 'ec2:DescribeSecurityGroups', 'ec2:DescribeVpcs'],
}

/** What the gate says that must end, by a name that only the two ends of an errand can make (functions/aws/cuts.ts); nothing else that lies in that table, and nothing of it but one row at a time. */
const heard = { actions: adapters.heard.state.map((action) => `dynamodb:${action}`), rows: ['cut#*'] }

/** Reaches private targets for the gate, decides nothing and keeps nothing. What it is asked is sealed by a key that only it and whoever asks have. */
function reaching({ id, subnets, groups, routes, targets }: NonNullable<typeof vpc>) {
  // Each that sends errands has a key of its own: what one of them lost, or had taken from it, seals and ends nothing of another's, and says who it was.
  const keys = executors.map((name) => [name, madeSecret(`SecretPrivate${name}`, `sluice-private-key-${name.toLowerCase()}`)] as const)
  // What a look saw goes by the gate's hands to the run: by a key that only this function reads, so that they can carry it and nothing more.
  const sight = madeSecret('SecretPrivateSight', 'sluice-private-sight')
  const own = targets.map((name) => closedSecret(`Private${name.replaceAll(/(^|[^a-z0-9])([a-z0-9])/g, (_, _before, first: string) => first.toUpperCase())}`, name, ['Private']))
  const readable = secretsOf(...keys.map(([, key]) => key), sight, ownSecrets.mask, ...own)
  if (id !== null) endpoint(id, subnets, groups, readable.resources)
  if (id !== null && routes.length > 0) passage(id, routes)
  const called = `${prefix}-Private`
  const reach = lambda('Private', {
    bundle: 'private', megabytes: 1024, seconds: 900, environment: { SLUICE_SECRETS: prefix, SLUICE_PRIVATE_FOR: executors.map((name) => name.toLowerCase()).join() }, name: called, network: { subnets, groups },
    may: [
      readable, { actions: heard.actions, resources: [tables.state.arn], conditions: [{ test: 'ForAllValues:StringLike', variable: 'dynamodb:LeadingKeys', values: heard.rows }, { test: 'Null', variable: 'dynamodb:LeadingKeys', values: ['false'] }] },
      { actions: interfaces.made, resources: [$interpolate`arn:${partition}:ec2:${region}:${account}:*/*`] }, { actions: interfaces.seen, resources: ['*'] },
      { effect: 'deny', actions: [...interfaces.made, ...interfaces.seen], resources: ['*'], conditions: [{ test: 'ArnEquals', variable: 'lambda:SourceFunctionArn', values: [arnOf('lambda', `function:${called}`)] }] },
    ],
  })
  // Nobody sends it anything but who waits for the answer. Were it left lying and tried again, a write could be done twice.
  new aws.lambda.FunctionEventInvokeConfig('PrivateOnce', { functionName: reach.name, maximumEventAgeInSeconds: 60, maximumRetryAttempts: 0 })
  return {
    reach, environment: (name: Name) => ({ SLUICE_PRIVATE: called, SLUICE_PRIVATE_AS: name.toLowerCase() }),
    may: (name: Name) => [secretsOf(...keys.filter(([of]) => of === name).map(([, key]) => key)), { actions: ['lambda:InvokeFunction'], resources: [reach.arn] }],
  }
}

/** Secrets Manager inside the network: for these secrets, this role and nothing else, so that it is no way out of it. */
function endpoint(vpcId: string, subnetIds: readonly string[], groups: readonly string[], secrets: readonly $util.Input<string>[]): void {
  const door = new aws.ec2.SecurityGroup('SecretsDoor', { vpcId, description: `Secrets Manager for ${prefix}`, ingress: [{ protocol: 'tcp', fromPort: 443, toPort: 443, securityGroups: [...groups] }] })
  new aws.ec2.VpcEndpoint('SecretsEndpoint', {
    vpcId, subnetIds: [...subnetIds], securityGroupIds: [door.id], vpcEndpointType: 'Interface', privateDnsEnabled: true, serviceName: $interpolate`com.amazonaws.${region}.secretsmanager`,
    policy: $resolve([roleArns(['Private']), $resolve([...secrets])]).apply(([roles, resources]) => JSON.stringify({
      Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: '*', Action: 'secretsmanager:GetSecretValue', Resource: resources, Condition: { StringEquals: { 'aws:PrincipalArn': roles } } }],
    })),
  })
}

/** DynamoDB from inside the network: for those rows, this role and nothing else. It is the way of all that use these route tables, so nothing else that stands there reaches a table by it. */
function passage(vpcId: string, routeTableIds: readonly string[]): void {
  new aws.ec2.VpcEndpoint('CutsEndpoint', {
    vpcId, routeTableIds: [...routeTableIds], vpcEndpointType: 'Gateway', serviceName: $interpolate`com.amazonaws.${region}.dynamodb`,
    policy: $resolve([roleArns(['Private']), tables.state.arn]).apply(([roles, resource]) => JSON.stringify({
      Version: '2012-10-17', Statement: [{
        Effect: 'Allow', Principal: '*', Action: heard.actions, Resource: resource,
        Condition: { StringEquals: { 'aws:PrincipalArn': roles }, 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': heard.rows }, Null: { 'dynamodb:LeadingKeys': 'false' } },
      }],
    })),
  })
}

/** null: no target is private. Else the function, and what those who execute are told and may. */
export const apart = vpc === null ? null : reaching(vpc)
