import { account, partition, production } from './stage'

const root = $interpolate`arn:${partition}:iam::${account}:root`
const manage = [
  'kms:DescribeKey', 'kms:GetKeyPolicy', 'kms:GetKeyRotationStatus', 'kms:GetPublicKey', 'kms:ListKeyPolicies', 'kms:ListGrants', 'kms:ListResourceTags', 'kms:PutKeyPolicy', 'kms:UpdateKeyDescription', 'kms:EnableKey', 'kms:DisableKey',
  'kms:EnableKeyRotation', 'kms:DisableKeyRotation', 'kms:TagResource', 'kms:UntagResource', 'kms:ScheduleKeyDeletion', 'kms:CancelKeyDeletion',
]
const use = ['kms:Encrypt', 'kms:Decrypt', 'kms:ReEncryptFrom', 'kms:ReEncryptTo', 'kms:GenerateDataKey', 'kms:GenerateDataKeyWithoutPlaintext', 'kms:DescribeKey']

/**
 * Signs checkpoints of the log. Whoever administers the account may look after the key and cannot sign by this policy; only the sequencer's role is let to, by its ARN, when it is made
 * (infra/sequencer.ts). Changing this policy is itself on CloudTrail.
 */
export const logKey = new aws.kms.Key('LogKey', {
  description: 'signs the checkpoints of the audit log', keyUsage: 'SIGN_VERIFY', customerMasterKeySpec: 'ECC_NIST_EDWARDS25519', deletionWindowInDays: production ? 30 : 7,
}, { protect: production })

/** Encrypts tables, objects, logs and secrets at rest. */
export const dataKey = new aws.kms.Key('DataKey', {
  description: 'encrypts what the gate stores', enableKeyRotation: true, deletionWindowInDays: production ? 30 : 7,
  policy: $resolve([root, account]).apply(([administrators, owner]) => JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      { Sid: 'Administer', Effect: 'Allow', Principal: { AWS: administrators }, Action: [...manage, 'kms:CreateGrant', 'kms:RevokeGrant'], Resource: '*' },
      // Used by the services that store, for callers of this account who may use those: nobody decrypts with it directly.
      { Sid: 'ThroughServices', Effect: 'Allow', Principal: { AWS: '*' }, Action: use, Resource: '*',
        Condition: { StringEquals: { 'kms:CallerAccount': owner }, StringLike: { 'kms:ViaService': ['dynamodb.*.amazonaws.com', 's3.*.amazonaws.com', 'secretsmanager.*.amazonaws.com', 'sns.*.amazonaws.com'] } } },
      { Sid: 'Logs', Effect: 'Allow', Principal: { Service: ['logs.amazonaws.com', 'cloudwatch.amazonaws.com', 'sns.amazonaws.com'] }, Action: use, Resource: '*', Condition: { StringEquals: { 'aws:SourceAccount': owner } } },
    ],
  })),
}, { protect: production })

/** Lets one role sign, and by name nobody else. */
export const letSign = (role: $util.Input<string>) => new aws.kms.KeyPolicy('LogKeyPolicy', {
  keyId: logKey.id,
  policy: $resolve([root, role]).apply(([administrators, signer]) => JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      { Sid: 'Administer', Effect: 'Allow', Principal: { AWS: administrators }, Action: manage, Resource: '*' },
      { Sid: 'Sign', Effect: 'Allow', Principal: { AWS: signer }, Action: ['kms:Sign', 'kms:GetPublicKey'], Resource: '*' },
      { Sid: 'NobodyElse', Effect: 'Deny', Principal: { AWS: '*' }, Action: 'kms:Sign', Resource: '*', Condition: { StringNotEquals: { 'aws:PrincipalArn': signer } } },
    ],
  })),
})
