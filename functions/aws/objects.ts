import { createHash } from 'node:crypto'
import { Fault, type Objects } from '../ports.ts'
import { type Answer, createCall } from './call.ts'
import type { Place } from './dynamo.ts'
import { readVersions, type Version } from './versions.ts'

const shape = /^(?:[a-z0-9][a-z0-9.-]*\/)*[a-z0-9][a-z0-9.-]*$/
const bundle = /^tile\/entries\/(?:x\d{3}\/){0,5}\d{3}$/
/**
 * Superseded by later objects: not locked, and marked for the bucket's lifecycle rule to take away. Partial tiles from level 1 up are not: one of level 2 is needed for as long as 65 536 entries take to come, and
 * those of level 1 are few.
 */
const passing = /^staging\/|^tile\/(?:entries|0)\/[x\d/]+\.p\//
/** Of these a second version would be a fork, so the one that was written first is the object, whatever is the newest. */
const forever = /^checkpoints\//
const none = new Uint8Array()
const mostListed = 1000
/** A list goes on while it finds nothing but what is gone; not for ever. */
const mostPages = 1000

/** How each operation of S3 is sent. test/infra/grants.test.ts compares them with what roles may. */
const methods = { GetObject: 'GET', HeadObject: 'HEAD', ListObjectVersions: 'GET', PutObject: 'PUT', PutObjectRetention: 'PUT', DeleteObjectVersion: 'DELETE' } as const
interface Asked { readonly path?: string; readonly query?: Readonly<Record<string, string>>; readonly headers?: Readonly<Record<string, string>>; readonly body?: Uint8Array }

export interface Bucket extends Place {
  /** `endpoint` is the bucket's own: `https://BUCKET.s3.REGION.amazonaws.com`. The bucket has Object Lock, and versions therefore. */
  readonly now: () => number
  /** In compliance mode nobody, the account's root included, can delete a locked object or shorten its lock; in governance mode whoever may bypass it can, and nothing lengthens a lock by itself. */
  readonly mode: 'COMPLIANCE' | 'GOVERNANCE'
  /** Until when what is written under a path now is locked, epoch ms. */
  readonly until: (path: string) => Promise<number>
}

/**
 * Write-once objects in S3: `If-None-Match: *` lets one writer have a name, Object Lock keeps what it wrote. The condition sees the newest version only: behind a delete marker a name is free again, so what is
 * hidden so is looked for by version, and the version that was written first is the object. Nothing is ever deleted without its version, which would only hide it.
 */
export function createObjects({ mode, until, ...place }: Bucket): Objects & { close(): void } {
  const call = createCall('s3', place, (answer) => answer.status === 429 || (answer.status === 409 && said(answer, 'ConditionalRequestConflict')))
  const ask = (operation: keyof typeof methods, { path, query = {}, headers = {}, body = none }: Asked): Promise<Answer> => {
    const sorted = Object.keys(query).toSorted().map((name) => `${name}=${encodeURIComponent(query[name] ?? '')}`)
    return call({ method: methods[operation], path: `${path === undefined ? '/' : keyOf(path)}${sorted.length === 0 ? '' : `?${sorted.join('&')}`}`, headers, body })
  }

  async function create(path: string, bytes: Uint8Array): Promise<'created' | 'same'> {
    const keep = passing.test(path) ? { 'x-amz-tagging': 'sluice=passing' } : { 'x-amz-object-lock-mode': mode, 'x-amz-object-lock-retain-until-date': new Date(await until(path)).toISOString() }
    const answer = await ask('PutObject', { path, body: bytes, headers: { 'content-type': 'application/octet-stream', 'if-none-match': '*', 'x-amz-checksum-sha256': digest('sha256', bytes), ...keep } })
    if (answer.status === 200) return 'created'
    if (answer.status !== 412) throw refused(answer)
    const there = await get(path)                                   // also our own first write, its answer lost
    if (there === null) throw new Fault('store-unavailable', `\`${path}\` is there and is not`)
    if (Buffer.compare(there, bytes) !== 0) throw new Fault('internal', `other bytes are at \`${path}\``)
    return 'same'
  }

  async function get(path: string): Promise<Uint8Array | null> {
    const answer = forever.test(path) ? await first('GetObject', path) : await seen('GetObject', path)
    return answer && answer.body
  }

  /** The object, or what a delete marker hides of it. */
  async function seen(operation: 'GetObject' | 'HeadObject', path: string): Promise<Answer | null> {
    const answer = await ask(operation, { path })
    if (answer.status === 200) return answer
    if (answer.status !== 404) throw refused(answer)
    return answer.headers['x-amz-delete-marker'] === 'true' ? first(operation, path) : null
  }
  /** What was written first of all that is there: behind a delete marker the condition of a write finds the name free, and what comes then is not the object. */
  async function first(operation: 'GetObject' | 'HeadObject', path: string): Promise<Answer | null> {
    const version = (await versionsOf(path)).findLast((one) => one.path === path && !one.marker)
    const answer = version && await ask(operation, { path, query: { versionId: version.id } })
    if (answer === undefined || answer.status === 404) return null
    if (answer.status !== 200) throw refused(answer)
    return answer
  }

  /** Every version whose key begins so, by key, the newest of each first. */
  async function* versions(prefix: string, past: string, most: number): AsyncGenerator<Version> {
    for (let [page, from] = [0, { key: past, version: '' }]; page < mostPages; page++) {
      const answer = await ask('ListObjectVersions', { query: { versions: '', prefix, 'max-keys': String(most), ...(from.key === '' ? {} : { 'key-marker': from.key }), ...(from.version === '' ? {} : { 'version-id-marker': from.version }) } })
      if (answer.status !== 200) throw refused(answer)
      const { versions: found, next } = readVersions(answer.body.toString('utf8'))
      yield* found
      if (next === null) return
      from = next
    }
    throw new Fault('store-unavailable', `too much is gone below \`${prefix}\` to list what is there`)
  }
  async function versionsOf(path: string): Promise<readonly Version[]> {
    const all: Version[] = []
    for await (const version of versions(keyOf(path).slice(1), '', mostListed)) all.push(version)
    return all
  }

  async function after(folder: string, path: string, limit: number): Promise<readonly string[]> {
    const found = new Set<string>()
    for await (const version of versions(folder, path, Math.min(mostListed, limit + 1))) {
      if (!version.marker && version.path > path) found.add(version.path)
      if (found.size === limit) break
    }
    return [...found]
  }

  /** The lifecycle rule's work: whoever writes here may not delete anything. */
  async function forget(path: string): Promise<void> {
    if (!/^staging\/[^/]+$|^tile\/\w+\/[x\d/]+\.p\/$/.test(path)) throw new Fault('internal', `\`${path}\` is for ever`)
  }

  async function prune(path: string, before: number): Promise<void> {
    if (!bundle.test(path)) throw new Fault('internal', `\`${path}\` is for ever`)
    const there = await read(path)
    if (there !== null && !(there.made < before)) throw new Fault('internal', `\`${path}\` is younger than what may go`)
    // Its own versions last, so that a run that breaks off finds the rest by them; of those the first written last, so that nobody is shown another.
    const all = (await versionsOf(path)).filter((version) => version.path === path || version.path.startsWith(`${path}.p/`))
    for (const version of [...all.filter((one) => one.path !== path), ...all.filter((one) => one.path === path)]) {
      const answer = await ask('DeleteObjectVersion', { path: version.path, query: { versionId: version.id } })
      if (answer.status !== 204 && answer.status !== 404) throw refused(answer)
    }
  }

  async function read(path: string): Promise<{ readonly made: number; readonly until: number; readonly version: string } | null> {
    const answer = await seen('HeadObject', path)
    if (answer === null) return null
    const [made, locked] = [Date.parse(answer.headers['last-modified'] ?? ''), answer.headers['x-amz-object-lock-retain-until-date']]
    // Left out also where a role may not ask for it: then nobody can say, and an object that is taken for free would be declared gone.
    if (Number.isNaN(made) || typeof locked !== 'string') throw new Fault('store-unavailable', `the bucket does not say until when \`${path}\` is locked`)
    return { made, until: Date.parse(locked), version: String(answer.headers['x-amz-version-id'] ?? '') }
  }

  async function lengthen(path: string, to: number): Promise<void> {
    const there = await read(path)
    if (there === null || there.until >= to) return
    const body = Buffer.from(`<Retention xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Mode>${mode}</Mode><RetainUntilDate>${new Date(to).toISOString()}</RetainUntilDate></Retention>`)
    const answer = await ask('PutObjectRetention', { path, query: { retention: '', versionId: there.version }, headers: { 'content-type': 'application/xml', 'content-md5': digest('md5', body) }, body })
    if (answer.status !== 200) throw refused(answer)
  }
  const locks = { read, ...(mode === 'COMPLIANCE' ? { lengthen } : {}) }
  return { create, get, after, forget, prune, locks, close: () => call.close() }
}

/** Nothing in it wants escaping, so what is signed is what is sent. */
function keyOf(path: string): string {
  if (path.length > 200 || !shape.test(path) || path.includes('..')) throw new Fault('internal', 'not a path of the log')
  return `/${path}`
}
const digest = (by: 'md5' | 'sha256', bytes: Uint8Array): string => createHash(by).update(bytes).digest('base64')
const said = (answer: Answer, code: string): boolean => answer.body.includes(`<Code>${code}</Code>`)
const refused = (answer: Answer): Fault => new Fault(answer.status === 400 ? 'internal' : 'store-unavailable', `the bucket answered ${answer.status}: ${/<Code>(\w+)<\/Code>/.exec(answer.body.toString())?.[1] ?? 'no reason'}`)
