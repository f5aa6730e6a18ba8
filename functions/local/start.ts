import { parseArgs } from 'node:util'
import { resolve } from 'node:path'
import { createProgress } from './progress.ts'
import type { StackOptions } from './stack.ts'

/** The entry of `npm start`. Options: CONTRACT.md section 1, and `--state DIR` for where the state lives. Exit code 0 after a clean stop, 1 otherwise. */
const usage = 'npm start -- [--policy DIR] [--kubeconfig FILE] [--issuer FILE | --unsafe-local-identity] [--ephemeral | --state DIR] [--reindex] [--new-log-key]'
const out = (line: string) => process.stdout.write(`${line}\n`)
const err = (line: string) => process.stderr.write(`${line}\n`)
const patienceMs = 10_000

function readOptions(signal: AbortSignal): StackOptions {
  const { values } = parseArgs({ options: { help: { type: 'boolean', short: 'h' },
    policy: { type: 'string' }, issuer: { type: 'string' }, kubeconfig: { type: 'string' }, state: { type: 'string' },
    ephemeral: { type: 'boolean' }, 'unsafe-local-identity': { type: 'boolean' }, reindex: { type: 'boolean' }, 'new-log-key': { type: 'boolean' },
  } })
  if (values.help) {
    out(usage)
    process.exit(0)
  }
  if (values.ephemeral && values.state !== undefined) throw new Error('--ephemeral keeps nothing, so it takes no --state')
  const port = Number(process.env['PORT'] || 8787)
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new Error(`PORT is \`${process.env['PORT']}\`, which is no port`)
  const from = process.env['INIT_CWD'] ?? process.cwd()       // where npm was called, which is not where it runs us
  const path = (value: string | undefined) => value === undefined ? null : resolve(from, value)
  return {
    state: values.ephemeral ? null : path(values.state) ?? resolve(import.meta.dirname, '../../.sluice'), port,
    policy: path(values.policy), kubeconfig: path(values.kubeconfig), issuer: path(values.issuer), unsafeLocalIdentity: values['unsafe-local-identity'] ?? false, reindex: values.reindex ?? false, newLogKey: values['new-log-key'] ?? false,
    env: { ...process.env }, progress: createProgress(out, err), signal,
  }
}

function banner(url: string, { policy, issuer, unsafeLocalIdentity }: StackOptions): void {
  out(`\nSluice is ready on ${url}\n`)
  const at = url === 'http://127.0.0.1:8787' ? '' : `SLUICE_URL=${url} `
  if (issuer !== null && !unsafeLocalIdentity) {              // no token is made here, and of its policy nothing is known that anybody may ask for
    if (at !== '') out(`  export ${at.trim()}`)
    for (const command of ['login', 'me', 'connections', 'audit list']) out(`  npx sluice ${command}`)
    return
  }
  const connection = policy === null ? 'shop' : 'CONNECTION'
  out(`  export ${at}SLUICE_TOKEN=$(${at}npx sluice token --subject agent:support-bot --group support-agents)`)
  out(`  npx sluice query ${connection} "select id, name, email from public.customers where id <= 3"`)
  out(`  npx sluice query ${connection} "select name, amount from payroll.salaries"`)
  out(`  SLUICE_TOKEN=$(npx sluice token --subject user:audrey@acme.dev --group auditors) npx sluice audit list`)
}

async function main(): Promise<void> {
  // Settings of the user's own psql must not steer our connections.
  for (const name of Object.keys(process.env)) if (/^PG[A-Z]+$/.test(name)) delete process.env[name]
  const abort = new AbortController()
  const stopped = new Promise<string>((done) => {
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => done('stopping'))
    // npm killed outright cannot pass a signal on; its child then gets another parent.
    const parent = process.ppid
    if (process.env['npm_lifecycle_event'] !== undefined) setInterval(() => { if (process.ppid !== parent) done('npm is gone, stopping') }, 200).unref()
  })
  void stopped.then(() => {
    abort.abort(new Error('stopped'))
    setTimeout(() => process.exit(1), patienceMs).unref()      // a part that does not stop must not keep the rest
  })
  const options = readOptions(abort.signal)
  const { startStack } = await import('./stack.ts')            // after the options: what is wrong with them is said at once
  const stack = await startStack(options)
  banner(stack.url, options)
  const why = await Promise.race([stopped, stack.ended])
  if (!abort.signal.aborted) err(`sluice: ${why}`)
  await stack.stop()
  process.exit(abort.signal.aborted ? 0 : 1)
}

main().catch((error: unknown) => {
  const message = error instanceof Error ? error.message : String(error)
  const asked = message === 'stopped'
  if (!asked) err(`sluice: ${message}`)
  if (error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')) err(usage)
  process.exit(asked ? 0 : 1)
})
