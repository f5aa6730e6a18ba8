import { streamHandle } from 'hono/aws-lambda'
import { createApp } from './app.ts'
import { createPorts } from './aws/ports.ts'
import { isPermit } from './decide/permit.ts'
import { Fault, type Ports } from './ports.ts'
import { createPostgres } from './protocol/postgres/postgres.ts'

/**
 * AWS Lambda behind a function URL, its answers streamed. `SLUICE_PUBLIC_URL` is the gate's own address; a secret named `shop-read` is
 * `SLUICE_SECRET_SHOP_READ`, as the deployment sets it from its secret store.
 */
const { now } = Date
const secrets: Ports['secrets'] = {
  async get(name) {
    const value = process.env[`SLUICE_SECRET_${name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}`]
    if (!value) throw new Fault('secret-missing', `no secret ${name}`)
    return value
  },
}

/** Only https, so that nobody on the way can name the keys that tokens are checked with. */
async function fetchJson(url: string): Promise<unknown> {
  if (!url.startsWith('https://')) throw new Fault('issuer-unavailable', 'an issuer is fetched over https only')
  try {
    const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(3000), headers: { accept: 'application/json' } })
    if (!response.ok || !response.body) throw new Error(`status ${response.status}`)
    const parts: Uint8Array[] = []
    let bytes = 0
    for await (const part of response.body) {
      if ((bytes += part.byteLength) > 256 * 1024) throw new Error('over 256 KB')
      parts.push(part)
    }
    return JSON.parse(Buffer.concat(parts).toString('utf8'))
  } catch (cause) {
    throw new Fault('issuer-unavailable', `${URL.parse(url)?.host ?? 'the issuer'} gave no json document`, { cause })
  }
}

/** One line of JSON on standard error is what a log group's alarms read. */
const alarm: Ports['alarm'] = (what, detail) => { process.stderr.write(`${JSON.stringify({ alarm: what, ...detail })}\n`) }

const url = (process.env['SLUICE_PUBLIC_URL'] ?? '').replace(/\/+$/, '')
if (!url.startsWith('https://')) throw new Error('SLUICE_PUBLIC_URL must be the https address of this gate')

export const handler = streamHandle(createApp(createPorts({
  secrets, fetchJson, alarm, engines: { postgres: createPostgres({ secrets, now, alarm, isPermit }) }, approvals: null, self: { url, console: url, localIssuer: null },
})))
