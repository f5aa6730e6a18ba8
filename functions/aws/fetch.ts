import { Readable } from 'node:stream'
import { Headers } from './headers.ts'

/**
 * `Request`, `Response` and `Headers` of the Fetch Standard, for a function behind a URL: infra/bundle.ts puts them where Node's own would be. Those are undici's, a whole HTTP client, and to load it takes a cold process 30 ms
 * of CPU and more. What is seldom asked for (forms, blobs, a body of any kind but text and bytes) the real ones still do. test/aws/fetch.test.ts holds these to those.
 */
export { Headers }

type Given = ConstructorParameters<typeof globalThis.Response>[0] | Uint8Array<ArrayBuffer>

/** Text and bytes stay what they are until somebody wants a stream of them. */
class Message {
  readonly headers: Headers
  #bytes: Uint8Array<ArrayBuffer> | null = null
  #stream: ReadableStream<Uint8Array> | null = null
  #used = false

  constructor(given: Given, headers: Headers, from: Message | null = null) {
    this.headers = headers
    let type: string | null = null
    if (from !== null) {
      if (from.#unusable()) throw new TypeError('a body that was read is nobody else\'s')
      this.#bytes = from.#bytes
      this.#stream = from.#stream
    } else if (typeof given === 'string') {
      this.#bytes = new TextEncoder().encode(given)
      type = 'text/plain;charset=UTF-8'
    } else if (given instanceof Uint8Array) this.#bytes = new Uint8Array(given)
    else if (given !== null && given !== undefined) {
      const real = new globalThis.Response(given)
      this.#stream = real.body
      type = real.headers.get('content-type')
    }
    if (type !== null && !headers.has('content-type')) headers.set('content-type', type)
  }
  #unusable(): boolean {
    return this.bodyUsed || this.#stream?.locked === true
  }
  get bodyUsed(): boolean {
    return this.#used || (this.#stream !== null && Readable.isDisturbed(this.#stream as never))
  }
  protected get full(): boolean {
    return this.#bytes !== null || this.#stream !== null
  }
  get body(): ReadableStream<Uint8Array> | null {
    const bytes = this.#bytes
    if (bytes === null) return this.#stream
    this.#bytes = null
    this.#stream = new ReadableStream({ type: 'bytes', start(to) { if (bytes.length > 0) to.enqueue(bytes.slice()); to.close() } })
    if (this.#used) void this.#stream.cancel()
    return this.#stream
  }
  /** The real one, of the same content, which is read with it. */
  #real(): globalThis.Response {
    if (this.#unusable()) throw new TypeError('a body is read once')
    return new globalThis.Response(this.body, { headers: [...this.headers] })
  }
  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    if (this.#bytes === null && this.#stream !== null) return new Uint8Array(await this.#real().arrayBuffer())
    if (this.#unusable()) throw new TypeError('a body is read once')
    this.#used = this.#bytes !== null
    return this.#bytes?.slice() ?? new Uint8Array()
  }
  async arrayBuffer(): Promise<ArrayBuffer> { return (await this.bytes()).buffer }
  async text(): Promise<string> { return new TextDecoder().decode(await this.bytes()) }
  async json(): Promise<unknown> { return JSON.parse(await this.text()) }
  async blob(): Promise<Blob> { return this.#real().blob() }
  async formData(): Promise<FormData> { return this.#real().formData() }
  protected copy(): Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | null {
    if (this.#unusable()) throw new TypeError('a body that was read has no copy')
    if (this.#stream === null) return this.#bytes
    const [one, other] = this.#stream.tee()
    this.#stream = one
    return other
  }
  /** Its content is another's now. */
  protected give(): void {
    this.#used = this.full
  }
}

type HeadersGiven = ConstructorParameters<typeof Headers>[0]
interface ResponseGiven { readonly status?: number; readonly statusText?: string; readonly headers?: HeadersGiven }
const withoutBody: ReadonlySet<number> = new Set([101, 204, 205, 304])

export class Response extends Message {
  readonly status: number
  readonly statusText: string
  readonly type = 'default'
  readonly url = ''
  readonly redirected = false

  constructor(body: Given = null, { status = 200, statusText = '', headers }: ResponseGiven = {}) {
    if (!Number.isInteger(Number(status)) || status < 200 || status > 599) throw new RangeError('a status is 200 to 599')
    if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(statusText)) throw new TypeError('a status text is one line')
    if (body !== null && body !== undefined && withoutBody.has(status)) throw new TypeError(`an answer ${status} has no body`)
    super(body, new Headers(headers))
    this.status = status
    this.statusText = statusText
  }
  get ok(): boolean { return this.status < 300 }
  clone(): Response { return new Response(this.copy(), this) }
  static json(value: unknown, init: ResponseGiven = {}): Response {
    const headers = new Headers(init.headers)
    if (!headers.has('content-type')) headers.set('content-type', 'application/json')
    return new Response(JSON.stringify(value), { ...init, headers })
  }
  static redirect(url: string | URL, status = 302): Response {
    if (![301, 302, 303, 307, 308].includes(status)) throw new RangeError('not a status that leads elsewhere')
    return new Response(null, { status, headers: { location: new URL(url).href } })
  }
}

interface RequestGiven { readonly method?: string; readonly headers?: HeadersGiven; readonly body?: Given; readonly signal?: AbortSignal | null }
const known: ReadonlySet<string> = new Set(['DELETE', 'GET', 'HEAD', 'OPTIONS', 'POST', 'PUT'])

export class Request extends Message {
  readonly method: string
  readonly url: string
  #signal: AbortSignal | null

  constructor(input: string | URL | Request, init: RequestGiven | Request = {}) {
    const before = input instanceof Request ? input : null
    const url = before ? before.url : urlOf(String(input))
    const method = methodOf(init.method ?? before?.method ?? 'GET')
    // a body is asked for only where it may come from elsewhere: asked of another request, it would be a stream from then on
    const from = init instanceof Request ? init : init.body === null || init.body === undefined ? before : null
    const body = init instanceof Request ? null : init.body
    if ((method === 'GET' || method === 'HEAD') && (from === null ? body !== null && body !== undefined : from.full)) throw new TypeError(`a ${method} has no body`)
    super(body, new Headers(init.headers ?? before?.headers), from)
    if (from !== null && from === before) from.give()
    this.method = method
    this.url = url
    this.#signal = (init instanceof Request ? init.#signal : init.signal) ?? (before === null ? null : before.#signal)
  }
  get signal(): AbortSignal { return this.#signal ??= new AbortController().signal }
  clone(): Request { return new Request(this.url, { method: this.method, headers: this.headers, body: this.copy(), signal: this.#signal }) }
}

function urlOf(text: string): string {
  const url = new URL(text)
  if (url.username !== '' || url.password !== '') throw new TypeError('an address of a request holds no credentials')
  return url.href
}
function methodOf(name: string): string {
  const upper = name.toUpperCase()
  if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name) || upper === 'CONNECT' || upper === 'TRACE' || upper === 'TRACK') throw new TypeError(`\`${name}\` is no method of a request`)
  return known.has(upper) ? upper : name
}
