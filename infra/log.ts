import { dataKey } from './keys'
import { prefix, production } from './stage'

/** Days nobody can delete an object of the log, the account's root included. In a stage that is thrown away: one, and whoever may bypass governance can. */
export const retainDays = production ? 3653 : 1

/** Tiles, checkpoints and staged bundles of the log, write-once: versions, Object Lock, and a rule that takes away what later objects superseded. */
export const logBucket = new sst.aws.Bucket('Log', {
  versioning: true, enforceHttps: true, cors: false,
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
