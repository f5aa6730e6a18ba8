import { createHash, createHmac } from 'node:crypto'
import { createServer, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

/**
 * S3 as far as the log leans on it, from its documentation (https://docs.aws.amazon.com/AmazonS3/latest/…): who sends a request S3 would not take is told so here.
 *
 * - API/API_PutObject.html, userguide/conditional-writes.html: `If-None-Match: *` is 412 where the key has a current version; it succeeds where there is none, or where the current version is a delete marker; no other
 *   value is taken. A retention wants a checksum or Content-MD5 with it, mode and date together, and a date to come.
 * - userguide/object-lock.html, API/API_PutObjectRetention.html: a lock is of one version; in compliance mode no one shortens it, changes its mode or deletes the version; it can be lengthened. In governance mode whoever sends
 *   x-amz-bypass-governance-retention and has that permission can. A version without a lock of its own gets the bucket's default. Content-MD5 is demanded.
 * - userguide/DeletingObjectVersions.html, DeleteMarker.html: a DELETE without versionId makes a marker and deletes nothing, lock or no lock; with it, it deletes that version, 403 where that is locked. A GET that
 *   meets a marker is 404 with x-amz-delete-marker; one of a marker by version is 405.
 * - API/API_GetObject.html, API_HeadObject.html: a missing key is 404 only to who has s3:ListBucket, else 403; the lock's headers are shown to who has s3:GetObjectRetention.
 * - API/API_ListObjectVersions.html: by key in the order of bytes, the newest version first; max-keys counts versions and markers.
 * - userguide/RESTAuthentication.html (Signature Version 4): host and every x-amz- header is signed, the query sorted.
 */
export interface Stub {
  readonly url: string
  readonly requests: { readonly method: string; readonly path: string; readonly headers: IncomingHttpHeaders; readonly body: Buffer }[]
  /** Every version of each key, the oldest first. An attacker's hand is here too. */
  readonly objects: Map<string, Version[]>
  /** `before`: fails, nothing stored. `after`: stored, and the answer lost. */
  fail: 'before' | 'after' | 'conflict' | null
  now: () => number
  /** What the caller's role may do, `s3:` left out, on which key. */
  may: (action: string, key: string) => boolean
  close(): Promise<void>
}
export interface Version { readonly id: string; readonly bytes: Buffer | null; readonly made: number; readonly tags: string; lock: { mode: string; until: number } | null }
interface Request { readonly method: string; readonly key: string; readonly query: URLSearchParams; readonly headers: IncomingHttpHeaders; readonly body: Buffer }
interface Reply { readonly status: number; readonly headers?: Record<string, string>; readonly body?: Buffer | string }
const error = (status: number, code: string, headers: Record<string, string> = {}): Reply => ({ status, headers, body: `<Error><Code>${code}</Code></Error>` })
const denied = error(403, 'AccessDenied')
const day = 86_400_000

export async function startBucket({ secretAccessKey, defaults = { mode: 'COMPLIANCE', days: 1 } }: { readonly secretAccessKey?: string; readonly defaults?: { readonly mode: string; readonly days: number } } = {}): Promise<Stub> {
  const stub = { requests: [] as Stub['requests'], objects: new Map<string, Version[]>(), fail: null as Stub['fail'], now: () => Date.now(), may: (_action: string, _key: string): boolean => true }
  let count = 0
  const version = (bytes: Buffer | null, tags: string, lock: Version['lock']): Version => ({ id: `v${String(++count).padStart(6, '0')}.x_-`, bytes, made: Math.floor(stub.now() / 1000) * 1000, tags, lock })
  const ofKey = (key: string): Version[] => { const all = stub.objects.get(key) ?? []; stub.objects.set(key, all); return all }

  function act(request: Request): Reply {
    const { method, key, query } = request
    if (method === 'GET' && key === '') return stub.may('ListBucketVersions', '') ? list(query) : denied
    if (method === 'GET' || method === 'HEAD') return read(request)
    if (method === 'PUT' && query.has('retention')) return stub.may('PutObjectRetention', key) ? retain(request) : denied
    if (method === 'PUT' && query.size === 0) return put(request)
    if (method === 'DELETE') return remove(request)
    return error(400, 'InvalidRequest')
  }

  function read({ key, query, method }: Request): Reply {
    const id = query.get('versionId')
    if (!stub.may(id === null ? 'GetObject' : 'GetObjectVersion', key)) return denied
    const found = id === null ? stub.objects.get(key)?.at(-1) : stub.objects.get(key)?.find((one) => one.id === id)
    if (found === undefined) return !stub.may('ListBucket', '') ? denied : error(404, id === null ? 'NoSuchKey' : 'NoSuchVersion')
    if (found.bytes === null) return id === null ? error(404, 'NoSuchKey', { 'x-amz-delete-marker': 'true', 'x-amz-version-id': found.id }) : error(405, 'MethodNotAllowed', { 'x-amz-delete-marker': 'true' })
    const lock = found.lock !== null && stub.may('GetObjectRetention', key) ? { 'x-amz-object-lock-mode': found.lock.mode, 'x-amz-object-lock-retain-until-date': new Date(found.lock.until).toISOString() } : {}
    return { status: 200, headers: { 'last-modified': new Date(found.made).toUTCString(), 'x-amz-version-id': found.id, ...lock }, body: method === 'HEAD' ? '' : found.bytes }
  }

  function put({ key, headers, body }: Request): Reply {
    const [mode, until, condition] = [headers['x-amz-object-lock-mode'], headers['x-amz-object-lock-retain-until-date'], headers['if-none-match']]
    if (!stub.may('PutObject', key) || (mode !== undefined && !stub.may('PutObjectRetention', key)) || (headers['x-amz-tagging'] !== undefined && !stub.may('PutObjectTagging', key))) return denied
    if (condition !== undefined && condition !== '*') return error(501, 'NotImplemented')
    const wrong = lockWrong(mode, until) ?? sumWrong(headers, body, mode !== undefined)
    if (wrong) return wrong
    const all = ofKey(key)
    if (condition === '*' && all.at(-1)?.bytes) return error(412, 'PreconditionFailed')
    const lock = mode === undefined ? { mode: defaults.mode, until: stub.now() + defaults.days * day } : { mode: String(mode), until: Date.parse(String(until)) }
    all.push(version(body, String(headers['x-amz-tagging'] ?? ''), lock))
    return { status: 200, headers: { 'x-amz-version-id': all.at(-1)?.id ?? '' } }
  }

  function lockWrong(mode: unknown, until: unknown): Reply | null {
    if (mode === undefined && until === undefined) return null
    if (mode !== 'COMPLIANCE' && mode !== 'GOVERNANCE' || !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z$/.test(String(until))) return error(400, 'InvalidArgument')
    return Date.parse(String(until)) > stub.now() ? null : error(400, 'InvalidArgument')
  }
  function sumWrong(headers: IncomingHttpHeaders, body: Buffer, demanded: boolean): Reply | null {
    const [md5, sha] = [headers['content-md5'], headers['x-amz-checksum-sha256']]
    if (md5 === undefined && sha === undefined) return demanded ? error(400, 'InvalidRequest') : null
    const sum = (by: string) => createHash(by).update(body).digest('base64')
    return (md5 === undefined || md5 === sum('md5')) && (sha === undefined || sha === sum('sha256')) ? null : error(400, 'BadDigest')
  }

  function retain({ key, query, headers, body }: Request): Reply {
    if (headers['content-md5'] === undefined) return error(400, 'InvalidRequest')
    const [, mode, until] = /^<Retention xmlns="http:\/\/s3\.amazonaws\.com\/doc\/2006-03-01\/"><Mode>(\w+)<\/Mode><RetainUntilDate>([^<]+)<\/RetainUntilDate><\/Retention>$/.exec(body.toString()) ?? []
    if (mode === undefined) return error(400, 'MalformedXML')
    const wrong = lockWrong(mode, until) ?? sumWrong(headers, body, true)
    if (wrong) return wrong
    const id = query.get('versionId')
    const found = id === null ? stub.objects.get(key)?.at(-1) : stub.objects.get(key)?.find((one) => one.id === id)
    if (found === undefined) return error(404, 'NoSuchVersion')
    if (found.bytes === null) return error(405, 'MethodNotAllowed')
    const to = Date.parse(String(until))
    if (held(found, headers, key) && (to < (found.lock?.until ?? 0) || mode !== found.lock?.mode)) return denied
    found.lock = { mode, until: to }
    return { status: 200 }
  }
  const held = ({ lock }: Version, headers: IncomingHttpHeaders, key: string): boolean =>
    lock !== null && lock.until > stub.now() && !(lock.mode === 'GOVERNANCE' && headers['x-amz-bypass-governance-retention'] === 'true' && stub.may('BypassGovernanceRetention', key))

  function remove({ key, query, headers }: Request): Reply {
    const id = query.get('versionId')
    if (!stub.may(id === null ? 'DeleteObject' : 'DeleteObjectVersion', key)) return denied
    const all = ofKey(key)
    if (id === null) {
      all.push(version(null, '', null))
      return { status: 204, headers: { 'x-amz-delete-marker': 'true' } }
    }
    const at = all.findIndex((one) => one.id === id)
    if (at >= 0 && all[at] && held(all[at], headers, key)) return denied
    if (at >= 0) all.splice(at, 1)
    if (all.length === 0) stub.objects.delete(key)
    return { status: 204 }
  }

  function list(query: URLSearchParams): Reply {
    const [prefix, most, key, id] = [query.get('prefix') ?? '', Number(query.get('max-keys') ?? 1000), query.get('key-marker') ?? '', query.get('version-id-marker') ?? '']
    if (!query.has('versions') || !(most >= 1 && most <= 1000) || (id !== '' && key === '')) return error(400, 'InvalidArgument')
    const rows = [...stub.objects].filter(([name]) => name.startsWith(prefix)).toSorted(([a], [b]) => (a < b ? -1 : 1)).flatMap(([name, all]) => all.toReversed().map((one) => ({ name, one, latest: one === all.at(-1) })))
    const past = id === '' ? rows.filter(({ name }) => name > key) : rows.slice(rows.findIndex(({ name, one }) => name === key && one.id === id) + 1)
    const page = past.slice(0, most)
    const last = page.at(-1)
    const told = page.map(({ name, one, latest }) => { const kind = one.bytes === null ? 'DeleteMarker' : 'Version'; return `<${kind}><Key>${name}</Key><VersionId>${one.id}</VersionId><IsLatest>${latest}</IsLatest><LastModified>${new Date(one.made).toISOString()}</LastModified></${kind}>` })
    const more = past.length > page.length && last ? `<NextKeyMarker>${last.name}</NextKeyMarker><NextVersionIdMarker>${last.one.id}</NextVersionIdMarker>` : ''
    return { status: 200, body: `<?xml version="1.0" encoding="UTF-8"?>\n<ListVersionsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>log</Name><Prefix>${prefix}</Prefix><MaxKeys>${most}</MaxKeys>${more}<IsTruncated>${more !== ''}</IsTruncated>${told.join('')}</ListVersionsResult>` }
  }

  const server = createServer(async (incoming, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of incoming) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks)
    stub.requests.push({ method: incoming.method ?? '', path: incoming.url ?? '', headers: incoming.headers, body })
    const fail = stub.fail
    if (fail !== null) stub.fail = null
    if (fail === 'before') return void response.writeHead(503).end('<Error><Code>SlowDown</Code></Error>')
    if (fail === 'conflict') return void response.writeHead(409).end('<Error><Code>ConditionalRequestConflict</Code></Error>')
    const url = new URL(incoming.url ?? '/', 'http://bucket')
    const reply = signedRight(incoming, body, secretAccessKey) ? act({ method: incoming.method ?? '', key: url.pathname.slice(1), query: url.searchParams, headers: incoming.headers, body }) : error(403, 'SignatureDoesNotMatch')
    if (fail === 'after') return void response.destroy()
    response.writeHead(reply.status, reply.headers).end(reply.body)
  })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  return Object.assign(stub, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => new Promise<void>((resolve) => { server.close(() => resolve()); server.closeAllConnections() }) })
}

/** Signature Version 4 as S3 makes it anew from what came. Without the secret only its form. */
function signedRight({ method, url = '/', headers }: IncomingMessage, body: Buffer, secret: string | undefined): boolean {
  const digest = createHash('sha256').update(body).digest('hex')
  const [, scope = '', names = '', signature] = /^AWS4-HMAC-SHA256 Credential=[^/]+\/([^,]+), SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(String(headers.authorization)) ?? []
  const signed = names.split(';')
  if (headers['x-amz-content-sha256'] !== digest || signature === undefined || !Object.keys(headers).every((name) => !(name.startsWith('x-amz-') || name === 'host') || signed.includes(name))) return false
  if (secret === undefined) return true
  const [path = '', query = ''] = url.split('?')
  const sorted = [...new URLSearchParams(query)].map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).toSorted().join('&')
  const canonical = [method, path, sorted, ...signed.map((name) => `${name}:${String(headers[name]).trim()}`), '', names, digest].join('\n')
  const text = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, createHash('sha256').update(canonical).digest('hex')].join('\n')
  const key = scope.split('/').reduce((by: string | Buffer, part) => createHmac('sha256', by).update(part).digest(), `AWS4${secret}`)
  return createHmac('sha256', key).update(text).digest('hex') === signature
}
