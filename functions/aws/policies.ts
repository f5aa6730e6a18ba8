import { createHash, randomUUID } from 'node:crypto'
import { canonicalBundle } from '../../schema/bundle.ts'
import { maxChunkBytes, maxLocks, tables } from '../../schema/item.ts'
import { type Bundle, readDocument } from '../../schema/policy.ts'
import { Fault, type Lock, type Pointer, type PolicyStore } from '../ports.ts'
import { mustBeRecent } from './beat.ts'
import { conditionFailed, type Dynamo, DynamoError, type Item } from './dynamo.ts'

const TableName = tables.policy.name
const pointerKey = { pk: { S: 'policy' }, sk: { S: 'pointer' } } as const

/**
 * The policy in DynamoDB: one pointer item with every lock in it, read whole on the hot path, and chunks under the content digest they belong
 * to. Whoever can write chunks but not the pointer changes nothing: a version is served only when its bytes hash to its name.
 *
 * `replica`: what `hot` reads follows the table that `cold` writes, in another region. Then a pointer says when its home last spoke, and is none where that is too long ago (beat.ts); every change, and what it rests on, is
 * asked of the home.
 */
export function createPolicies({ hot, cold, now, replica = false }: { readonly hot: Dynamo; readonly cold: Dynamo; readonly now: () => number; readonly replica?: boolean }): PolicyStore {
  async function pointer(): Promise<Pointer | null> {
    const { Item: item } = await hot('GetItem', { TableName, Key: pointerKey, ConsistentRead: true })
    if (item && replica) mustBeRecent(item, now())
    return item ? readPointer(item) : null
  }

  async function atHome(): Promise<Pointer | null> {
    if (!replica) return pointer()
    const { Item: item } = await cold('GetItem', { TableName, Key: pointerKey, ConsistentRead: true })
    return item ? readPointer(item) : null
  }

  async function load(version: string, chunks: number): Promise<Bundle> {
    const texts: string[] = []
    for (let i = 0; i < chunks; i++) {
      const { Item: item } = await hot('GetItem', { TableName, Key: chunkKey(version, i, chunks), ConsistentRead: true })
      const text = item?.['text']?.S
      if (text === undefined || sha256(text) !== item?.['hash']?.S) throw corrupt(version, `chunk ${i} of ${chunks} is ${text === undefined ? 'missing' : 'not what was stored'}`)
      texts.push(text)
    }
    const whole = texts.join('')
    if (sha256(whole) !== version) throw corrupt(version, 'the whole does not hash to its version')
    return readBundle(version, whole)
  }

  async function apply(bundle: Bundle, { from, by, at, commit }: Parameters<PolicyStore['apply']>[1]): Promise<boolean> {
    const whole = canonicalBundle(bundle)
    const version = sha256(whole)
    const texts = split(whole)
    // Unconditional: the key is the content's digest, so the same key is the same text, and writing it again heals one that was damaged.
    for (const [i, text] of texts.entries()) {
      await cold('PutItem', { TableName, Item: { ...chunkKey(version, i, texts.length), text: { S: text }, hash: { S: sha256(text) } } })
    }
    const nonce = randomUUID()
    // dies here: chunks nobody points at. After this one write the version is in force, everywhere, with the locks as they were.
    try {
      await cold('UpdateItem', {
        TableName, Key: pointerKey, ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
        UpdateExpression: 'SET #version = :version, chunks = :chunks, appliedAt = :at, appliedBy = :by, #commit = :commit, nonce = :nonce, #locks = if_not_exists(#locks, :none)',
        ConditionExpression: from === null ? 'attribute_not_exists(pk)' : '#version = :from',
        ExpressionAttributeNames: { '#version': 'version', '#commit': 'commit', '#locks': 'locks' },
        ExpressionAttributeValues: {
          ':version': { S: version }, ':chunks': { N: String(texts.length) }, ':at': { S: at }, ':by': { S: by }, ':nonce': { S: nonce }, ':none': { M: {} },
          ':commit': commit === null ? { NULL: true } : { S: commit }, ...(from === null ? {} : { ':from': { S: from } }),
        },
      })
      return true
    } catch (error) {
      if (conditionFailed(error)) return error.item?.['nonce']?.S === nonce      // our own first write, its answer lost
      throw error
    }
  }

  async function lock(wanted: Lock): Promise<boolean> {
    return await put(wanted) || (await dropExpired() && await put(wanted))
  }

  async function put(wanted: Lock): Promise<boolean> {
    try {
      await cold('UpdateItem', {
        TableName, Key: pointerKey, UpdateExpression: 'SET #locks.#target = :lock', ExpressionAttributeNames: { '#version': 'version', '#locks': 'locks', '#target': wanted.target },
        ConditionExpression: 'attribute_exists(#version) AND (attribute_exists(#locks.#target) OR size(#locks) < :most)',
        ExpressionAttributeValues: { ':lock': { S: JSON.stringify(wanted) }, ':most': { N: String(maxLocks) } },
      })
      return true
    } catch (error) {
      // Too many locks, or too long ones for one item: both mean that no more fit.
      if (conditionFailed(error) || (error instanceof DynamoError && /item size/i.test(error.message))) return false
      throw error
    }
  }

  /** Locks whose time is over must not keep a new one out in an emergency. */
  async function dropExpired(): Promise<boolean> {
    const over = (await atHome())?.locks.filter(({ until }) => until !== null && Date.parse(until) < now()) ?? []
    for (const { target } of over) await unlock(target)
    return over.length > 0
  }

  async function unlock(target: string): Promise<boolean> {
    if (!(await atHome())?.locks.some((lock) => lock.target === target)) return false
    try {
      await cold('UpdateItem', {
        TableName, Key: pointerKey, UpdateExpression: 'REMOVE #locks.#target', ConditionExpression: 'attribute_exists(#locks.#target)',
        ExpressionAttributeNames: { '#locks': 'locks', '#target': target },
      })
    } catch (error) {
      if (!conditionFailed(error)) throw error                                   // gone since we saw it: by our own first write, or another's
    }
    return true
  }
  return { pointer, load, apply, lock, unlock }
}

const chunkKey = (version: string, i: number, of: number) => ({ pk: { S: `policy#${version}` }, sk: { S: `${String(i).padStart(4, '0')}/${String(of).padStart(4, '0')}` } })
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
const corrupt = (version: string, what: string): Fault => new Fault('policy-corrupt', `policy ${version.slice(0, 12)}: ${what}`)

/** Pieces of at most 300 KB of UTF-8 that never cut a character. */
function split(text: string): string[] {
  const bytes = Buffer.from(text)
  const pieces: string[] = []
  for (let start = 0; start < bytes.length;) {
    let end = Math.min(start + maxChunkBytes, bytes.length)
    while (end < bytes.length && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--
    pieces.push(bytes.toString('utf8', start, end))
    start = end
  }
  return pieces
}

function readBundle(version: string, text: string): Bundle {
  const { documents, known, destroys } = JSON.parse(text) as { documents: readonly { path: string; document: unknown }[] } & Pick<Bundle, 'known' | 'destroys'>
  return { ...(known === undefined ? {} : { known }), ...(destroys === undefined ? {} : { destroys }), documents: documents.map(({ path, document }) => {
    const parsed = readDocument(document)
    if (!parsed.success) throw corrupt(version, `\`${path}\` is not a document this gate understands`)
    return { path, document: parsed.data }
  }) }
}

function readPointer(item: Item): Pointer {
  const { version, chunks, appliedAt, appliedBy, commit, locks } = item
  const count = Number(chunks?.N)
  if (!/^[0-9a-f]{64}$/.test(version?.S ?? '') || !Number.isInteger(count) || count < 1 || !locks?.M) throw new Fault('policy-corrupt', 'the policy pointer is not readable')
  return {
    version: version?.S ?? '', chunks: count, appliedAt: appliedAt?.S ?? '', appliedBy: appliedBy?.S ?? '', commit: commit?.S ?? null,
    locks: Object.entries(locks.M).map(([target, lock]) => readLock(target, lock.S ?? '')),
  }
}

/** A lock that cannot be read is a policy that cannot be read: skipping it would lift it. */
function readLock(target: string, text: string): Lock {
  try {
    const { by, at, reason, until } = JSON.parse(text) as Lock
    if (typeof by === 'string' && typeof at === 'string' && (until === null || !Number.isNaN(Date.parse(until)))) return { target, by, at, reason: reason ?? null, until }
  } catch (error) {
    throw new Fault('policy-corrupt', `lock \`${target}\` is not readable`, { cause: error })
  }
  throw new Fault('policy-corrupt', `lock \`${target}\` is not readable`)
}
