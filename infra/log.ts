import { dataKey } from './keys'
import { prefix, production, roleArns } from './stage'

/** Days nobody can delete an object of the log, the account's root included. In a stage that is thrown away: one, and whoever may bypass governance can. */
export const retainDays = production ? 3653 : 1

/** Tiles, checkpoints and staged bundles of the log, write-once: versions, Object Lock, and a rule that takes away what later objects superseded. */
export const logBucket = new sst.aws.Bucket('Log', {
  versioning: true, enforceHttps: true, cors: false,
  policy: roleArns(['Sequencer']).apply((writers) => [
    // A tag of another's would let the lifecycle rule hide a tile behind a delete marker, lock or no lock.
    { effect: 'deny' as const, principals: '*' as const, actions: ['s3:PutObject', 's3:PutObjectAcl', 's3:PutObjectTagging', 's3:PutObjectVersionTagging', 's3:PutObjectRetention', 's3:PutObjectLegalHold'], conditions: [{ test: 'StringNotEquals', variable: 'aws:PrincipalArn', values: writers }] },
    ...(production ? [{ effect: 'deny' as const, principals: '*' as const, actions: ['s3:DeleteObject', 's3:DeleteObjectVersion', 's3:DeleteObjectTagging', 's3:DeleteObjectVersionTagging', 's3:BypassGovernanceRetention'] }] : []),
  ]),
  transform: {
    bucket: (args, options) => {
      args.bucket = $interpolate`${prefix}-log-${aws.getCallerIdentityOutput({}).accountId}`
      args.objectLockEnabled = true
      args.forceDestroy = false
      options.protect = production
    },
  },
})
new aws.s3.BucketObjectLockConfiguration('LogLock', {
  bucket: logBucket.name, rule: { defaultRetention: { mode: production ? 'COMPLIANCE' : 'GOVERNANCE', days: 1 } },          // the gate asks for `retainDays` itself, object by object
})
new aws.s3.BucketServerSideEncryptionConfiguration('LogEncryption', {
  bucket: logBucket.name, rules: [{ applyServerSideEncryptionByDefault: { sseAlgorithm: 'aws:kms', kmsMasterKeyId: dataKey.arn }, bucketKeyEnabled: true }],
})
new aws.s3.BucketLifecycleConfiguration('LogLifecycle', {
  bucket: logBucket.name,
  rules: [{ id: 'passing', status: 'Enabled', filter: { tag: { key: 'sluice', value: 'passing' } }, expiration: { days: 2 }, noncurrentVersionExpiration: { noncurrentDays: 1 } }],
})
