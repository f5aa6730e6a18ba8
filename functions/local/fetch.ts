import { request as plain } from 'node:http'
import { request as secure } from 'node:https'
import { Fault } from '../ports.ts'
import { isLoopback } from './neon/target.ts'

const patienceMs = 3000
const maxBytes = 256 * 1024

/**
 * `Ports.fetchJson` of the local assembly: https, or http to this machine. No redirects, 3 s in all, 256 KB; throws Fault issuer-unavailable.
 */
export async function fetchJson(address: string): Promise<unknown> {
  const url = URL.parse(address)
  const host = url?.hostname.replace(/^\[(.*)\]$/, '$1') ?? ''
  if (url === null || (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback(host)))) throw new Fault('issuer-unavailable', 'only https, or http on this machine, is fetched')
  try {
    return JSON.parse(await read(url))
  } catch (error) {
    throw new Fault('issuer-unavailable', `\`${url.origin}\` gave no json document`, { cause: error })
  }
}

function read(url: URL): Promise<string> {
  return new Promise((done, fail) => {
    const call = (url.protocol === 'https:' ? secure : plain)(url, { headers: { accept: 'application/json' }, signal: AbortSignal.timeout(patienceMs) }, (response) => {
      const chunks: Buffer[] = []
      let size = 0
      if (response.statusCode !== 200) call.destroy(new Error(`status ${response.statusCode}`))
      response.on('error', fail).on('end', () => done(Buffer.concat(chunks).toString('utf8'))).on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size > maxBytes) call.destroy(new Error(`more than ${maxBytes} bytes`))
        else chunks.push(chunk)
      })
    })
    call.on('error', fail).end()
  })
}
