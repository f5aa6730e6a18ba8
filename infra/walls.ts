import { whoever } from './grants'
import { roleArns } from './stage'
import { tables } from './tables'

/**
 * What nobody may do to a table, whatever their own policy lets them: the table says it itself. An administrator can take such a policy away, which is on CloudTrail; a mistake, a script and a stolen key of somebody
 * who may `dynamodb:*` cannot get past it unseen.
 */
const changes = ['UpdateItem', 'DeleteItem', 'BatchWriteItem', 'PartiQLInsert', 'PartiQLUpdate', 'PartiQLDelete']
const reads = ['GetItem', 'BatchGetItem', 'Query', 'Scan', 'PartiQLSelect']
/** Each would make a copy that outlives what is destroyed in the table. `UpdateTable` too (a stream, a replica), but that is also how a deploy changes the table. */
const copies = ['CreateBackup', 'UpdateContinuousBackups', 'ExportTableToPointInTime', 'RestoreTableToPointInTime', 'EnableKinesisStreamingDestination']
interface Wall { readonly table: keyof typeof tables; /** For everybody. */ readonly never?: readonly string[]; /** For everybody but the functions that infra/grants.ts lets. */ readonly others: readonly string[] }
const walls: readonly Wall[] = [
  // The record is appended to. A time to live would be a way to delete it.
  { table: 'audit', never: [...changes, 'UpdateTimeToLive'], others: ['PutItem'] },
  { table: 'log', never: changes, others: ['PutItem'] },
  // Whoever reads these opens the record's content, and whoever changes them destroys it.
  { table: 'keys', never: ['Scan', 'BatchWriteItem', 'PartiQLInsert', 'PartiQLUpdate', 'PartiQLDelete', 'PartiQLSelect', ...copies], others: [...reads.filter((action) => !['Scan', 'PartiQLSelect'].includes(action)), 'PutItem', 'UpdateItem', 'DeleteItem'] },
]
const named = (actions: readonly string[]) => actions.map((action) => `dynamodb:${action}`)

for (const { table, never = [], others } of walls) {
  const { arn } = tables[table]
  new aws.dynamodb.ResourcePolicy(`Wall${table[0]?.toUpperCase()}${table.slice(1)}`, {
    resourceArn: arn,
    policy: $resolve([arn, roleArns(whoever(table, others))]).apply(([resource, arns]) => JSON.stringify({
      Version: '2012-10-17',
      Statement: [
        { Sid: 'Never', Effect: 'Deny', Principal: '*', Action: named(never), Resource: resource },
        { Sid: 'NobodyElse', Effect: 'Deny', Principal: '*', Action: named(others), Resource: resource, Condition: { StringNotEquals: { 'aws:PrincipalArn': arns } } },
      ],
    })),
  })
}
