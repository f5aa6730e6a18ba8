import { ring } from './ring'
import { account, partition, prefix, production, region } from './stage'

const root = $interpolate`arn:${partition}:iam::${account}:root`
const manage = [
  'kms:DescribeKey', 'kms:GetKeyPolicy', 'kms:GetKeyRotationStatus', 'kms:GetPublicKey', 'kms:ListKeyPolicies', 'kms:ListGrants', 'kms:ListResourceTags', 'kms:PutKeyPolicy', 'kms:UpdateKeyDescription', 'kms:EnableKey', 'kms:DisableKey',
  'kms:EnableKeyRotation', 'kms:DisableKeyRotation', 'kms:TagResource', 'kms:UntagResource', 'kms:ScheduleKeyDeletion', 'kms:CancelKeyDeletion',
]
const use = ['kms:Encrypt', 'kms:Decrypt', 'kms:ReEncryptFrom', 'kms:ReEncryptTo', 'kms:GenerateDataKey', 'kms:GenerateDataKeyWithoutPlaintext', 'kms:DescribeKey']

/**
 * Sign checkpoints of the log, each by its number (infra/ring.ts). Whoever administers the account may look after a key and cannot sign by this policy; only the sequencer's role is let to, by its ARN, when it is made
 * (infra/functions.ts). Changing this policy is itself on CloudTrail. A key that is over stays in the stage: left out, it would be one that the next deploy deletes.
 */
const allKeys = Array.from({ length: ring.newest }, (_, at) => {
  const logical = at === 0 ? 'LogKey' : `LogKey${at + 1}`
  return { logical, over: at + 1 < ring.oldest, key: new aws.kms.Key(logical, {
    description: `signs the checkpoints of the audit log${at === 0 ? '' : `, key ${at + 1}`}`, keyUsage: 'SIGN_VERIFY', customerMasterKeySpec: 'ECC_NIST_EDWARDS25519', deletionWindowInDays: production ? 30 : 7,
  }, { protect: production }) }
})
/** Those that the functions know, the oldest first. */
export const logKeys = allKeys.flatMap(({ over, key }) => (over ? [] : [key.arn]))

/** A key looked after by `administrators` and used by these services of one region that store, for callers of this account who may use those: nobody decrypts with it directly, and nobody gives a grant but to a service. */
export const throughStores = (administrators: string, owner: string, where: string, services: readonly string[]) => [
  { Sid: 'Administer', Effect: 'Allow', Principal: { AWS: administrators }, Action: [...manage, 'kms:RevokeGrant'], Resource: '*' },
  // A table holds the key by a grant.
  { Sid: 'GrantToServices', Effect: 'Allow', Principal: { AWS: administrators }, Action: 'kms:CreateGrant', Resource: '*', Condition: { Bool: { 'kms:GrantIsForAWSResource': 'true' }, StringEquals: { 'kms:ViaService': `dynamodb.${where}.amazonaws.com` } } },
  { Sid: 'ThroughServices', Effect: 'Allow', Principal: { AWS: '*' }, Action: use, Resource: '*', Condition: { StringEquals: { 'kms:CallerAccount': owner, 'kms:ViaService': services.map((service) => `${service}.${where}.amazonaws.com`) } } },
]

/** Encrypts tables, objects, logs and secrets at rest. */
export const dataKey = new aws.kms.Key('DataKey', {
  description: 'encrypts what the gate stores', enableKeyRotation: true, deletionWindowInDays: production ? 30 : 7,
  policy: $resolve([root, account, region, partition]).apply(([administrators, owner, where, part]) => JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      ...throughStores(`${administrators}`, `${owner}`, `${where}`, ['dynamodb', 's3', 'secretsmanager', 'sns']),
      { Sid: 'Logs', Effect: 'Allow', Principal: { Service: `logs.${where}.amazonaws.com` }, Action: use, Resource: '*',
        Condition: { ArnLike: { 'kms:EncryptionContext:aws:logs:arn': [`/sluice/${prefix}/*`, `/aws/vendedlogs/apis/${prefix}-*`].map((group) => `arn:${part}:logs:${where}:${owner}:log-group:${group}`) } } },
      { Sid: 'Alarms', Effect: 'Allow', Principal: { Service: 'cloudwatch.amazonaws.com' }, Action: ['kms:Decrypt', 'kms:GenerateDataKey'], Resource: '*', Condition: { StringEquals: { 'aws:SourceAccount': owner } } },
    ],
  })),
}, { protect: production })

/** Lets one role sign by each key that is in use, and by name nobody else; by one that is over nobody at all. */
export function letSign(role: $util.Input<string>): void {
  for (const { logical, over, key } of allKeys) {
    new aws.kms.KeyPolicy(`${logical}Policy`, {
      keyId: key.id,
      policy: $resolve([root, role]).apply(([administrators, signer]) => JSON.stringify({
        Version: '2012-10-17',
        Statement: [
          { Sid: 'Administer', Effect: 'Allow', Principal: { AWS: administrators }, Action: manage, Resource: '*' },
          ...(over ? [{ Sid: 'Over', Effect: 'Deny', Principal: { AWS: '*' }, Action: 'kms:Sign', Resource: '*' }] : [
            { Sid: 'Sign', Effect: 'Allow', Principal: { AWS: signer }, Action: ['kms:Sign', 'kms:GetPublicKey'], Resource: '*' },
            { Sid: 'NobodyElse', Effect: 'Deny', Principal: { AWS: '*' }, Action: 'kms:Sign', Resource: '*', Condition: { StringNotEquals: { 'aws:PrincipalArn': signer } } },
          ]),
        ],
      })),
    })
  }
}
