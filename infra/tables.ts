import { tables as shapes } from '../schema/item'
import { dataKey } from './keys'
import { policyTables, replicas } from './regions'
import { prefix, production } from './stage'

/** Tables of schema/item.ts, each with what its role wants: the record is never updated or deleted by anybody (infra/grants.ts); keys of content are in no backup, and neither is what may be forgotten: it has answers in it, which would outlive their day and their erasure there. The policy may be a replica of another stage's, or have some (infra/regions.ts). */
export const tables = Object.fromEntries(Object.entries(shapes).map(([name, { name: table, sortKey, ttl, indexes }]) => {
  const fields = Object.fromEntries([...['pk', ...(sortKey ? ['sk'] : [])], ...indexes.flatMap(({ hash, range }) => [hash, range])].map((field) => [field, 'string' as const]))
  const keys = name === 'keys'
  const passing = name === 'state' || name === 'sockets'
  if (name === 'policy' && policyTables !== null) return [name, sst.aws.Dynamo.get('TablePolicy', `${policyTables}-policy`)]
  return [name, new sst.aws.Dynamo(`Table${name[0]?.toUpperCase()}${name.slice(1)}`, {
    fields, primaryIndex: { hashKey: 'pk', ...(sortKey ? { rangeKey: 'sk' } : {}) }, ...(ttl === null ? {} : { ttl }), deletionProtection: production,
    ...(indexes.length === 0 ? {} : { globalIndexes: Object.fromEntries(indexes.map((index) => [index.name, { hashKey: index.hash, rangeKey: index.range, projection: [...index.include] }])) }),
    // The sequencer is woken by what is appended. Content lies sealed in the item, and so in the stream.
    ...(name === 'audit' ? { stream: 'new-image' as const } : {}),
    ...(name === 'policy' && replicas.length > 0 ? { stream: 'new-and-old-images' as const } : {}),           // what replication goes by
    transform: { table: (args, options) => {
      args.name = `${prefix}-${table.replace(/^sluice-/, '')}`
      args.pointInTimeRecovery = { enabled: !keys && !passing }
      if (name === 'policy' && replicas.length > 0) args.replicas = replicas
      args.serverSideEncryption = { enabled: true, kmsKeyArn: dataKey.arn }
      options.protect = production
      if (keys) options.retainOnDelete = false                          // what is destroyed must be gone, the table whole too
    } },
  })]
})) as Record<keyof typeof shapes, sst.aws.Dynamo>
