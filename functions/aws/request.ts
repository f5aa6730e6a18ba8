import { createHash } from 'node:crypto'
import { canonicalJson } from '../../schema/bundle.ts'
import { type AccessRequest, isOpen, type Status, statuses } from '../../schema/approval.ts'
import { isRequestId, requestSeconds } from '../../schema/item.ts'
import { Damage, type RequestFilter } from '../ports.ts'
import type { Item } from './dynamo.ts'

/** Which part of the index `byState` a request is in. */
export const stateOf = (status: Status): 'open' | 'ended' => isOpen(status) ? 'open' : 'ended'

/** Issuer and subject as one key: two fields joined by a hash of both, so that no pair can pass for another. */
export const requesterOf = ({ issuer, subject }: NonNullable<RequestFilter['requester']>): string =>
  createHash('sha256').update(canonicalJson([issuer, subject])).digest('hex')

/** Epoch seconds as DynamoDB writes them, of what is forgotten some time after `at` (epoch ms). */
export const expiresOf = (at: number): string => String(Math.floor(at / 1000) + requestSeconds)

/** TTL deletes late: what is over is over before it is gone. */
export const forgotten = (item: Item, now: number): boolean => item['expires']?.N !== undefined && Number(item['expires'].N) * 1000 <= now

/**
 * What is stored was written by us under a condition; where the text and what lies beside it disagree, something else wrote there, and neither is
 * believed: an approval must not rest on an item that says two things. Throws Fault store-unavailable.
 */
export function readRequest(item: Item): AccessRequest {
  const request = parse(item)
  const agrees = isRequestId(request.id) && request.id === item['pk']?.S && String(request.revision) === item['revision']?.N && request.status === item['status']?.S
    && statuses.includes(request.status) && item['state']?.S === stateOf(request.status)
    && request.digest === item['digest']?.S && Array.isArray(request.verdicts) && Array.isArray(request.notices)
    && item['requester']?.S === requesterOf({ issuer: String(request.bound?.issuer), subject: String(request.bound?.subject?.id) })
  if (!agrees) throw damaged(item)
  return request
}

function parse(item: Item): AccessRequest {
  try {
    const value: unknown = JSON.parse(item['request']?.S ?? '')
    if (typeof value === 'object' && value !== null) return { told: [], ...value } as unknown as AccessRequest   // an earlier version wrote nothing of it
  } catch (error) {
    throw damaged(item, error)
  }
  throw damaged(item)
}
const damaged = (item: Item, cause?: unknown): Damage => new Damage(`access request \`${item['pk']?.S}\` is damaged`, { cause })
