import { actionsOf, type Deployed } from './grants'
import { dataKey } from './keys'
import { policyAtHome } from './regions'
import { account, partition, places, prefix, production, region, roleName } from './stage'
import { tables } from './tables'

export interface Lambda {
  /** The bundle of infra/bundle.ts. */
  readonly bundle: string
  readonly seconds: number
  readonly megabytes: number
  readonly environment: Readonly<Record<string, $util.Input<string>>>
  /** Beside its tables: what else it may do, by ARN. */
  readonly may: readonly { readonly effect?: 'deny'; readonly actions: string[]; readonly resources: $util.Input<string>[]; readonly conditions?: { readonly test: string; readonly variable: string; readonly values: $util.Input<string>[] }[] }[]
  readonly streaming?: boolean
  readonly url?: boolean
  /** What others know it by, where they must before it is made; left out: SST's. */
  readonly name?: string
  /** Left out: it is in nobody's network. */
  readonly network?: { readonly subnets: readonly string[]; readonly groups: readonly string[] }
}

/**
 * One deployed function: its own role, which only Lambda may take, with the actions of infra/grants.ts on its tables and what `may` adds; its own log group, kept for a year, encrypted; places of its own in the account's concurrency, so that what fills one function takes none from another.
 * SST would also let the account's root take the role and any function write any log, so both are said anew.
 */
export function lambda(name: Deployed, { bundle, seconds, megabytes, environment, may, streaming, url, name: called, network }: Lambda): sst.aws.Function {
  const logs = new aws.cloudwatch.LogGroup(`${name}Logs`, { name: `/sluice/${prefix}/${name}`, retentionInDays: production ? 400 : 14, kmsKeyId: dataKey.arn })
  const onTables = [...actionsOf(name)].flatMap(([table, actions]) => {
    const resources = [tables[table].arn, ...(table === 'requests' ? [$interpolate`${tables[table].arn}/index/byRequester`, $interpolate`${tables[table].arn}/index/byState`] : [])]
    // A replica is read. What changes the policy changes it at home: written here, it would win there over what was said later, a lock too.
    return table === 'policy' && policyAtHome.length > 0 ? [granted(actions.filter((action) => action === 'GetItem'), resources), ...(actions.length > 1 ? [granted(actions, policyAtHome)] : [])] : [granted(actions, resources)]
  })
  return new sst.aws.Function(name, {
    bundle: `dist/${bundle}`, handler: 'index.handler', runtime: 'nodejs24.x', architecture: 'arm64', timeout: `${seconds} seconds`, memory: `${megabytes} MB`,
    environment: { SLUICE_TABLES: prefix, ...environment }, logging: { logGroup: logs.name, format: 'text' },
    permissions: [...onTables, ...may, { actions: ['logs:CreateLogStream', 'logs:PutLogEvents'], resources: [$interpolate`${logs.arn}:*`] }],
    ...(places === null ? {} : { concurrency: { reserved: places[name] } }), ...(streaming === undefined ? {} : { streaming }), ...(url ? { url: { cors: false } } : {}),
    transform: {
      role: (args) => {
        args.name = roleName(name)
        // No condition on the account: Lambda promises none of those keys here, and only this account's people may hand the role to a function.
        args.assumeRolePolicy = JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' }] })
        args.managedPolicyArns = []
      },
      function: (args) => {
        args.kmsKeyArn = undefined
        if (called !== undefined) args.name = called
        if (network !== undefined) args.vpcConfig = { subnetIds: [...network.subnets], securityGroupIds: [...network.groups] }
      },
    },
  })
}

const granted = (actions: readonly string[], resources: $util.Input<string>[]) => ({ actions: actions.map((action) => `dynamodb:${action}`), resources })
export const secretsOf = (...secrets: readonly aws.secretsmanager.Secret[]) => ({ actions: ['secretsmanager:GetSecretValue'], resources: secrets.map(({ arn }) => arn) })
export const arnOf = (service: string, rest: string) => $interpolate`arn:${partition}:${service}:${region}:${account}:${rest}`
