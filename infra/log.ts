import { bucketParts, bucketUsers } from './grants'
import { prefix, production, roleArns } from './stage'

/** In governance mode whoever may bypass it can delete: for stages that are thrown away. */
export const lockMode = production ? 'COMPLIANCE' : 'GOVERNANCE'
/**
 * Days that objects of the log are locked for at most, from when they are written, or from when the sequencer lengthens the lock of what is to stay longer; entries for less, where the policy keeps them less long.
 */
export const retainDays = production ? 3653 : 1
/** What nobody deletes: everything but bundles of entries. `?` is one character, so these are the levels of hashes. */
const forEver = ['begun', 'checkpoints/*', 'staging/*', 'tile/?/*', 'tile/??/*']
const everybody = { effect: 'deny' as const, principals: '*' as const }

/** Tiles, checkpoints and staged bundles of the log, write-once: versions, Object Lock, and a rule that takes away what later objects superseded. */
export const logBucket = new sst.aws.Bucket('Log', {
  versioning: true, enforceHttps: true, cors: false,
  policy: [
    // A tag of another's would let the lifecycle rule hide a tile behind a delete marker, lock or no lock.
    { ...everybody, actions: ['s3:PutObject', 's3:PutObjectAcl', 's3:PutObjectTagging', 's3:PutObjectVersionTagging', 's3:PutObjectRetention', 's3:PutObjectLegalHold'], conditions: [{ test: 'StringNotEquals', variable: 'aws:PrincipalArn', values: roleArns(['Sequencer']) }] },
    // Nor does the sequencer's own role put an object over another: without the condition of a first write nothing is written, whoever has its credentials.
    { ...everybody, actions: ['s3:PutObject'], paths: ['*'], conditions: [{ test: 'Null', variable: 's3:if-none-match', values: ['true'] }] },
    // Nor locks it anything for longer than the gate means to: in compliance mode not even the account's root could take that back for a hundred years. A day and a half for clocks and rounding.
    { ...everybody, actions: ['s3:PutObject', 's3:PutObjectRetention'], paths: ['*'], conditions: [{ test: 'NumericGreaterThan', variable: 's3:object-lock-remaining-retention-days', values: [`${retainDays + 2}`] }] },
    ...(production ? [
      { ...everybody, actions: ['s3:DeleteObject', 's3:DeleteObjectTagging', 's3:DeleteObjectVersionTagging', 's3:BypassGovernanceRetention'] },
      { ...everybody, actions: ['s3:DeleteObjectVersion'], paths: ['*'], conditions: [{ test: 'StringNotEquals', variable: 'aws:PrincipalArn', values: roleArns(['Sweeper']) }] },
      { ...everybody, actions: ['s3:DeleteObjectVersion'], paths: forEver },
    ] : []),
  ],
  transform: {
    bucket: (args, options) => {
      args.bucket = $interpolate`${prefix}-log-${aws.getCallerIdentityOutput({}).accountId}`
      args.objectLockEnabled = true
      args.forceDestroy = !production                                   // else a stage that is thrown away could not be: S3 deletes no bucket that holds something
      options.protect = production
    },
  },
})
new aws.s3.BucketObjectLockConfiguration('LogLock', {
  bucket: logBucket.name, rule: { defaultRetention: { mode: lockMode, days: 1 } },          // of what is superseded; for the rest the gate says until when, object by object
})
// S3's own key and not ours: a key of the account can be scheduled for deletion, and everything that a lock keeps would be noise. The log holds no content in clear, only commitments to it.
new aws.s3.BucketServerSideEncryptionConfiguration('LogEncryption', {
  bucket: logBucket.name, rules: [{ applyServerSideEncryptionByDefault: { sseAlgorithm: 'AES256' } }],
})
// What is staged, and partial tiles of entries and their hashes, are superseded within seconds where the log goes on. Where it does not, the last of them are needed to go on: so long the sequencer may be broken.
new aws.s3.BucketLifecycleConfiguration('LogLifecycle', {
  bucket: logBucket.name,
  rules: [
    { id: 'passing', status: 'Enabled', filter: { tag: { key: 'sluice', value: 'passing' } }, expiration: { days: 14 }, noncurrentVersionExpiration: { noncurrentDays: 1 } },
    // What is gone leaves a marker, which hides nothing then and is in every list.
    ...['staging/', 'tile/'].map((prefix) => ({ id: `markers-${prefix.slice(0, -1)}`, status: 'Enabled', filter: { prefix }, expiration: { expiredObjectDeleteMarker: true } })),
  ],
})

/** What a function may do with the bucket's objects, by infra/grants.ts. */
export const onBucket = (name: keyof typeof bucketUsers) => bucketUsers[name].flatMap((part) => bucketParts[part].map(({ below, actions }) => (
  { actions: actions.map((action) => `s3:${action}`), resources: [below === null ? logBucket.arn : $interpolate`${logBucket.arn}/${below}`] }
)))
