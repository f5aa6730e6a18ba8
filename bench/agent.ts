import { startStack } from '../functions/local/stack.ts'
import { createProgress } from '../functions/local/progress.ts'
import { overHttp, overMcp, table, type Place } from './agent/loop.ts'

/**
 * `node bench/agent.ts`: calls and tokens of one scripted errand, three ways, against the gate at SLUICE_URL or one started for it. The person takes 32 s: longer
 * than one `follow` holds, so that waiting on is in the numbers.
 */
const personMs = 32_000
const say = (line: string) => { process.stderr.write(`${line}\n`) }
const running = process.env['SLUICE_URL']
const stack = running === undefined
  ? await startStack({ state: null, port: 0, policy: null, issuer: null, unsafeLocalIdentity: false, env: {}, progress: createProgress(say, say), signal: new AbortController().signal }) : null
const url = running ?? stack?.url ?? ''
const place: Place = {
  url, personMs, secondMs: 1000,
  async token(subject, groups) {
    const answer = await fetch(`${url}/dev/token`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ subject, groups }) })
    const { access_token: token } = await answer.json() as { access_token?: string }
    if (token === undefined) throw new Error(`no token for ${subject}: this wants the local identity provider (${answer.status})`)
    return token
  },
}
let failed = false
try {
  const tallies = await Promise.all([overHttp(place, false), overHttp(place, true), overMcp(place)])
  console.log(`calls × tokens a call (bytes / 4), what the model writes and reads; the person answers after ${personMs / 1000} s\n\n${table(tallies)}`)
  for (const { way } of tallies.filter(({ done }) => !done)) {
    failed = true
    say(`${way}: the errand was not done`)
  }
} finally {
  await stack?.stop()
}
process.exit(failed ? 1 : 0)
