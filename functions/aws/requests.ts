import { createHash } from 'node:crypto'
import { type AccessRequest, answersRepeat, isOpen } from '../../schema/approval.ts'
import type { Event, Id } from '../../schema/event.ts'
import { isRequestId, maxGrownRequestBytes, maxRequestBytes, tables } from '../../schema/item.ts'
import { Fault, type Requests } from '../ports.ts'
import type { Dynamo } from './dynamo.ts'
import { createEntries } from './entry.ts'
import { createFate, fateBy } from './fate.ts'
import { expiresOf, forgotten, readRequest, requesterOf, stateOf } from './request.ts'
import { createRequestList } from './requestlist.ts'
import { createResults } from './results.ts'
import { failed, transact } from './transact.ts'

const TableName = tables.requests.name
/** How often a call key may change hands under one `create`: each time somebody else's request came and ended in between. */
const rounds = 5

/**
 * Access requests in DynamoDB. A request and the event that tells of its change are one transaction over two tables. Each write leaves its mark in
 * the item (a hash of what was written), at the place its revision gives: so a write whose answer was lost knows itself later, whatever came after.
 */
export function createRequests(parts: { readonly hot: Dynamo; readonly cold: Dynamo; readonly now: () => number }): Requests {
  const { hot, now } = parts
  const entryOf = createEntries(parts)

  async function create(request: AccessRequest, event: Event, at: number, judged: Id<'arq'> | null = null): ReturnType<Requests['create']> {
    if (!isRequestId(request.id)) throw new Fault('internal', 'not a request id of ours')
    const json = textOf(request, maxRequestBytes)
    const entry = await entryOf(event)
    let over: string | null = judged                                // the request that held the call key, once it was seen not to answer for it any more
    for (let round = 0; round < rounds; round++) {
      const refused = await transact(hot, [{ Put: putOf(request, event, json) }, { Put: claimOf(request, over) }, { Put: entry.put }])
      if (refused === null) return { created: true }
      const [first, claim] = refused
      if (failed(first)) return known(first.Item, request)
      if (!failed(claim)) throw new Fault('internal', 'another event has this id')
      over = claim.Item?.['id']?.S ?? null
      const existing = over === null || over === judged ? null : await get(over as Id<'arq'>)
      if (existing && answersRepeat(existing, at)) return { created: false, existing }
    }
    throw new Fault('store-unavailable', 'the call key changes hands too often')
  }

  async function holder(callKey: string): Promise<Id<'arq'> | null> {
    const { Item: claim } = await hot('GetItem', { TableName, Key: { pk: { S: `call#${callKey}` } }, ConsistentRead: true })
    return claim?.['id']?.S as Id<'arq'> | undefined ?? null
  }

  /** An id is drawn by one creator: a request that has it is our own first write, however far it has come since. */
  function known(item: Parameters<typeof readRequest>[0] | undefined, request: AccessRequest): { readonly created: true } {
    if (item && readRequest(item).digest === request.digest) return { created: true }
    throw new Fault('internal', 'another request has this id')
  }

  async function get(id: Id<'arq'>): Promise<AccessRequest | null> {
    if (!isRequestId(id)) return null
    const { Item: item } = await hot('GetItem', { TableName, Key: { pk: { S: id } }, ConsistentRead: true })
    return item && !forgotten(item, now()) ? readRequest(item) : null
  }

  async function swap(next: AccessRequest, event: Event | null): Promise<boolean> {
    if (!isRequestId(next.id)) return false
    const mark = markOf(next, event)
    const update = updateOf(next, textOf(next, maxGrownRequestBytes), mark)
    const entry = event === null ? null : await entryOf(event)
    const refused = await transact(hot, [{ Update: update }, ...(entry === null ? [] : [{ Put: entry.put }]), ...fateBy(next.id, event)])
    if (refused === null) return true
    const [moved, there, over] = refused
    if (failed(moved)) {
      const { revision, marks, digest } = moved.Item ?? {}
      const stored = Number(revision?.N)
      if (digest !== undefined && digest.S !== next.digest) throw new Fault('internal', 'what people decide on cannot change')
      // Marks lie in the order of the writes, the last one is the stored revision's.
      return next.revision <= stored && marks?.L?.at(next.revision - stored - 1)?.S === mark
    }
    // The revision is the one this was made from, and it began or ended all the same: the row was put back to before that. Also where it is this very intent: then it may run where it was first heard of, and nowhere else.
    if (failed(over)) return false
    // The revision is the one this was made from, but the event is there already: an intent's one outcome was told by somebody else.
    if (failed(there) && (event?.kind === 'outcome' || event?.kind === 'correction')) return false
    throw new Fault('internal', 'another event has this id')
  }
  return { create, holder, get, swap, fate: createFate(hot), list: createRequestList(parts), ...createResults(parts) }
}

const endedAt = ({ ending, bound }: AccessRequest): number => Date.parse(ending?.at ?? bound.expiresAt)

function textOf(request: AccessRequest, most: number): string {
  const json = JSON.stringify(request)
  if (Buffer.byteLength(json) > most) throw new Fault('internal', `an access request over ${most / 1024} KB`)
  return json
}

const markOf = (request: AccessRequest, event: Event | null): string =>
  createHash('sha256').update(JSON.stringify([request, event])).digest('base64url').slice(0, 22)

function putOf(request: AccessRequest, event: Event, json: string): object {
  return {
    TableName, ConditionExpression: 'attribute_not_exists(pk)', ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    Item: {
      pk: { S: request.id }, request: { S: json }, revision: { N: String(request.revision) }, status: { S: request.status }, state: { S: stateOf(request.status) }, digest: { S: request.digest },
      requester: { S: requesterOf({ issuer: request.bound.issuer, subject: request.bound.subject.id }) }, marks: { L: [{ S: markOf(request, event) }] },
    },
  }
}

/** The call key is free, or still where it was when its holder was seen to be over: of two who take it at once, one does. */
function claimOf({ id, callKey, bound }: AccessRequest, over: string | null): object {
  return {
    TableName, ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    Item: { pk: { S: `call#${callKey}` }, id: { S: id }, expires: { N: expiresOf(Date.parse(bound.expiresAt)) } },
    ...(over === null ? { ConditionExpression: 'attribute_not_exists(pk)' } : { ConditionExpression: 'id = :over', ExpressionAttributeValues: { ':over': { S: over } } }),
  }
}

function updateOf(next: AccessRequest, json: string, mark: string): object {
  const ended = !isOpen(next.status)
  return {
    TableName, Key: { pk: { S: next.id } }, ReturnValuesOnConditionCheckFailure: 'ALL_OLD', ConditionExpression: 'revision = :from AND digest = :digest',
    UpdateExpression: `SET #request = :request, revision = :revision, #status = :status, #state = :state, marks = list_append(marks, :mark)${ended ? ', expires = :expires' : ''}`,
    ExpressionAttributeNames: { '#request': 'request', '#status': 'status', '#state': 'state' },
    ExpressionAttributeValues: {
      ':from': { N: String(next.revision - 1) }, ':digest': { S: next.digest }, ':request': { S: json }, ':revision': { N: String(next.revision) }, ':status': { S: next.status }, ':state': { S: stateOf(next.status) },
      ':mark': { L: [{ S: mark }] }, ...(ended ? { ':expires': { N: expiresOf(endedAt(next)) } } : {}),
    },
  }
}
