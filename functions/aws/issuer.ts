import { Agent, request } from 'node:https'
import { Fault } from '../ports.ts'

const maxBytes = 256 * 1024
const withinMs = 3000
/** Connections are not kept, because a frozen process finds them dead; TLS sessions are, so that the second document costs no second handshake. */
const agent = new Agent({ keepAlive: false })

/**
 * A JSON document of an issuer, over https only, so that nobody on the way can name the keys that tokens are checked with; a redirect is none. On node:https, because `fetch` costs a cold start 12 ms of CPU more.
 * Throws Fault issuer-unavailable after 3 s, past 256 KB, or for what is no JSON.
 */
export async function fetchJson(url: string): Promise<unknown> {
  if (!url.startsWith('https://')) throw new Fault('issuer-unavailable', 'an issuer is fetched over https only')
  try {
    return JSON.parse(await textOf(new URL(url)))
  } catch (cause) {
    throw new Fault('issuer-unavailable', `${URL.parse(url)?.host ?? 'the issuer'} gave no json document`, { cause })
  }
}

function textOf(url: URL): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request(url, { agent, headers: { accept: 'application/json' }, signal: AbortSignal.timeout(withinMs) }, (response) => {
      const parts: Buffer[] = []
      let bytes = 0
      if (response.statusCode !== 200) return void call.destroy(new Error(`status ${response.statusCode}`))
      response.on('data', (part: Buffer) => {
        if ((bytes += part.byteLength) > maxBytes) call.destroy(new Error('over 256 KB'))
        else parts.push(part)
      })
      response.on('end', () => resolve(Buffer.concat(parts).toString('utf8')))
      response.on('aborted', () => reject(new Error('the answer broke off')))
      response.on('error', reject)
    })
    call.on('error', reject).end()
  })
}
