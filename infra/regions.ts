import { readRegions } from '../schema/region'
import { throughStores } from './keys'
import { account, partition, production } from './stage'

/**
 * Several regions, each a stage of its own with requests, keys, intents and a log of its own, and one policy: `SLUICE_REGIONS=eu-central-1=https://sluice.acme.dev,us-east-1=https://us.sluice.acme.dev`, the same for all of
 * them. The first region's stage has the policy's table and replicates it to the others; each of those says by `SLUICE_POLICY_STAGE` which stage that is. Left out: this stage is alone.
 */
const text = process.env['SLUICE_REGIONS'] ?? ''
const policyStage = process.env['SLUICE_POLICY_STAGE'] ?? ''
const [first, ...others] = text === '' ? [] : [...readRegions(text).keys()]
if (policyStage !== '' && (first === undefined || !/^[a-z0-9-]{1,40}$/.test(policyStage))) throw new Error('SLUICE_POLICY_STAGE names the stage of the first of SLUICE_REGIONS, and wants both')

/** Tables of the stage that writes the policy; null: this one does. */
export const policyTables = policyStage === '' ? null : `${$app.name}-${policyStage}`
export const regional: Record<string, string> = text === '' ? {} : { SLUICE_REGIONS: text, ...(policyTables === null ? {} : { SLUICE_POLICY_TABLES: policyTables }) }

/** Where this stage's policy is replicated to. A replica is encrypted by a key of its region, which serves DynamoDB there and nobody directly. */
export const replicas = policyTables !== null ? [] : others.map((regionName) => {
  const provider = new aws.Provider(`In-${regionName}`, { region: regionName as aws.Region })
  const key = new aws.kms.Key(`PolicyKey-${regionName}`, {
    description: 'encrypts a replica of the policy', enableKeyRotation: true, deletionWindowInDays: production ? 30 : 7,
    policy: $resolve([account, partition]).apply(([owner, part]) => JSON.stringify({ Version: '2012-10-17', Statement: throughStores(`arn:${part}:iam::${owner}:root`, `${owner}`, regionName, ['dynamodb']) })),
  }, { provider, protect: production })
  return { regionName, kmsKeyArn: key.arn, pointInTimeRecovery: true, deletionProtectionEnabled: production }
})

/** Where the policy is changed, for a stage that has a replica of it: whoever may change it may do so there. */
export const policyAtHome = policyTables === null ? [] : [$interpolate`arn:${partition}:dynamodb:${first ?? ''}:${account}:table/${policyTables}-policy`]

/** The sweeper's word to the replicas (functions/aws/beat.ts): of the policy's table one attribute, and nothing that decides. */
export const beating = (policy: $util.Input<string>) => (replicas.length === 0 ? [] : [{
  actions: ['dynamodb:UpdateItem'], resources: [policy],
  conditions: [
    { test: 'ForAllValues:StringEquals', variable: 'dynamodb:LeadingKeys', values: ['policy'] }, { test: 'ForAllValues:StringEquals', variable: 'dynamodb:Attributes', values: ['pk', 'sk', 'beat'] },
    { test: 'StringEqualsIfExists', variable: 'dynamodb:ReturnValues', values: ['NONE'] },
  ],
}])
