// One cold start, as Lambda does it: loads a bundle, hands it its first event, and says what that cost this process. `node first.mjs BUNDLE EVENT`, the event as JSON.
import { Writable } from 'node:stream'

const [, , bundle, event] = process.argv
let body = ''
globalThis.awslambda = {
  streamifyResponse: (handler) => (given, context) => handler(given, Object.assign(new Writable({ write(chunk, _, done) { body += chunk; done() } }), { setContentType() {} }), context),
  HttpResponseStream: { from(stream, metadata) { body = `${metadata.statusCode} `; return stream } },
}
const cpu = () => { const { user, system } = process.cpuUsage(); return (user + system) / 1000 }
const { handler } = await import(bundle)
const initMs = cpu()
const value = await handler(JSON.parse(event), { getRemainingTimeInMillis: () => 30_000, callbackWaitsForEmptyEventLoop: false })
const cpuMs = cpu()                                                    // before `process.stdout`, which is made when it is first asked for
process.stdout.write(JSON.stringify({ cpuMs, initMs, rssMb: process.memoryUsage.rss() / 1024 ** 2, answer: (body || JSON.stringify(value) || '').slice(0, 4000) }), () => process.exit(0))
