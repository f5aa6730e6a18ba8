import type { tables } from '../schema/item.ts'

/**
 * What each adapter of functions/aws asks of AWS, and which adapters each deployed function has: the roles are made from this and from nothing else. test/infra/grants.test.ts reads
 * the adapters for every operation they send, and compares: one that is missing here fails there, and so does one that nobody sends.
 *
 * Nobody has UpdateItem or DeleteItem on the record, and nobody has Scan.
 */
type Table = keyof typeof tables
type Uses = Readonly<Partial<Record<Table, readonly string[]>>>

export const adapters = {
  policies: { policy: ['GetItem', 'PutItem', 'UpdateItem'] },
  /** Of policies, what everyone who decides needs. */
  standing: { policy: ['GetItem'] },
  /** Where the policy has replicas, the sweeper's, and of one attribute only (infra/regions.ts). */
  beat: { policy: ['UpdateItem'] },
  append: { audit: ['PutItem'] },
  ledger: { audit: ['GetItem', 'PutItem', 'Query'] },
  unsettled: { audit: ['GetItem', 'Query'], state: ['GetItem', 'PutItem'] },
  idempotency: { state: ['DeleteItem', 'PutItem', 'UpdateItem'] },
  meter: { state: ['UpdateItem'] },
  /** Says to a private network that what runs there must end: an update, so that whoever executes may do nothing by it that the meter did not let them. */
  cuts: { state: ['UpdateItem'] },
  /** The private network's end of it: one row by its name, and none but a cut's (infra/private.ts). */
  heard: { state: ['GetItem'] },
  requests: { requests: ['BatchGetItem', 'GetItem', 'PutItem', 'Query', 'UpdateItem'] },
  workflow: { state: ['DeleteItem', 'GetItem', 'UpdateItem'] },
  sockets: { sockets: ['DeleteItem', 'GetItem', 'PutItem', 'Query', 'UpdateItem'] },
  /** Seals what is recorded, and opens it for readers. */
  content: { keys: ['GetItem', 'PutItem'] },
  /** Destroys keys: for the route that erases, and for retention (the sweeper). */
  erasure: { keys: ['DeleteItem', 'Query', 'UpdateItem'] },
  logReader: { log: ['BatchGetItem', 'GetItem'] },
  logWriter: { log: ['BatchGetItem', 'GetItem', 'PutItem'] },
} as const satisfies Readonly<Record<string, Uses>>
export type Adapter = keyof typeof adapters

/** Function → its adapters of DynamoDB. */
export const functions = {
  /** Decides and executes; `Hold` and `Stream` are the same with places of their own. */
  Http: ['policies', 'ledger', 'idempotency', 'meter', 'cuts', 'requests', 'workflow', 'content', 'erasure', 'logReader'],
  Hold: ['standing', 'ledger', 'idempotency', 'meter', 'cuts', 'requests', 'workflow', 'content'],
  Stream: ['standing', 'ledger', 'idempotency', 'meter', 'cuts', 'requests', 'workflow', 'content'],
  Socket: ['standing', 'ledger', 'idempotency', 'meter', 'cuts', 'requests', 'workflow', 'sockets', 'content'],
  Approval: ['policies', 'ledger', 'meter', 'cuts', 'requests', 'workflow', 'sockets', 'content'],
  People: ['standing', 'ledger', 'requests', 'workflow', 'content'],
  Sequencer: ['standing', 'ledger', 'logWriter'],
  Sweeper: ['standing', 'ledger', 'unsettled', 'meter', 'cuts', 'requests', 'workflow', 'sockets', 'content', 'erasure', 'logReader'],
} as const satisfies Readonly<Record<string, readonly Adapter[]>>
export type Name = keyof typeof functions
/** With the one in a private network (infra/private.ts), where there is one: it has none of the adapters but `heard`, held to its rows there. */
export type Deployed = Name | 'Private'

/**
 * What the adapter of the log's bucket (functions/aws/objects.ts) asks of S3: on the bucket, or on objects below a path. Whoever reads also lists: without that S3 answers 403 for what is missing, and nobody could
 * tell it from a refusal. One role writes, another deletes, and what it deletes are versions of bundles of entries, whose lock is over. Nobody has DeleteObject, which hides and deletes nothing.
 */
export const bucketParts = {
  read: [{ below: null, actions: ['ListBucket', 'ListBucketVersions'] }, { below: '*', actions: ['GetObject', 'GetObjectVersion'] }],
  write: [
    { below: '*', actions: ['GetObjectRetention', 'PutObject', 'PutObjectRetention'] },
    // The tag has the lifecycle rule lay a delete marker over an object: whoever could tag a checkpoint could put a second one behind it.
    { below: 'staging/*', actions: ['PutObjectTagging'] }, { below: 'tile/entries/*.p/*', actions: ['PutObjectTagging'] }, { below: 'tile/0/*.p/*', actions: ['PutObjectTagging'] },
  ],
  prune: [{ below: 'tile/entries/*', actions: ['DeleteObjectVersion', 'GetObjectRetention'] }],
} as const satisfies Readonly<Record<string, readonly { readonly below: string | null; readonly actions: readonly string[] }[]>>
export type BucketPart = keyof typeof bucketParts
export const bucketUsers = { Http: ['read'], Sequencer: ['read', 'write'], Sweeper: ['read', 'prune'] } as const satisfies Partial<Record<Name, readonly BucketPart[]>>

/** Those that execute, and so read targets' credentials. */
export const executors = ['Approval', 'Hold', 'Http', 'Socket', 'Stream', 'Sweeper'] as const satisfies readonly Name[]

/** Functions that do one of these actions on the table. */
export const whoever = (table: Table, actions: readonly string[]): readonly Name[] =>
  (Object.keys(functions) as Name[]).filter((name) => actionsOf(name).get(table)?.some((action) => actions.includes(action)))

/** Table → actions of one function, sorted. */
export function actionsOf(name: Deployed): ReadonlyMap<Table, readonly string[]> {
  const found = new Map<Table, Set<string>>()
  for (const adapter of name === 'Private' ? [] : functions[name]) {
    for (const [table, actions] of Object.entries(adapters[adapter] as Uses)) {
      const set = found.get(table as Table) ?? new Set()
      actions.forEach((action) => set.add(action))
      found.set(table as Table, set)
    }
  }
  return new Map([...found].map(([table, set]) => [table, [...set].sort()]))
}
