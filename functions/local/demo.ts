import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { run } from '../cli/run.ts'
import type { Terminal } from '../cli/terminal.ts'
import { findKubectl, runKubectl } from './kubectl.ts'
import { createProgress } from './progress.ts'
import { startStack, type Stack } from './stack.ts'
import { steps, type Gate } from './story.ts'

/**
 * `npm run demo`: the story of functions/local/story.ts against the stack that runs at SLUICE_URL (or the usual address), or one started for it and
 * gone with it. Exit code 0 only if each step did what it says.
 */
const usual = 'http://127.0.0.1:8787'

async function main(): Promise<void> {
  const wanted = process.env['SLUICE_URL'] ?? usual
  const running = await fetch(`${wanted}/healthz`).then((answer) => answer.ok, () => false)
  if (!running && process.env['SLUICE_URL'] !== undefined) throw new Error(`nothing answers at ${wanted}`)
  const abort = new AbortController()
  let stack: Stack | null = null
  const cache = await mkdtemp(join(tmpdir(), 'sluice-kubectl-'))
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => abort.abort(new Error('stopped')))
  try {
    if (!running) {
      process.stderr.write('no stack is running; starting one for the demo\n')
      const progress = createProgress((line) => process.stderr.write(`${line}\n`), (line) => process.stderr.write(`${line}\n`))
      stack = await startStack({ state: null, port: 0, policy: null, issuer: null, unsafeLocalIdentity: false, env: {}, progress, signal: abort.signal })
    }
    const url = stack?.url ?? wanted
    const kubectl = findKubectl(process.env['PATH'] ?? '')
    const kubeconfig = await kubeconfigOf(stack?.kubeconfig ?? resolve(import.meta.dirname, '../../.sluice/kubeconfig'), url)
    await tell({ ...gateAt(url), ...(kubectl !== null && kubeconfig !== null ? { kubectl: (args: readonly string[]) => runKubectl(kubectl, kubeconfig, cache, args) } : {}) }, abort.signal)
  } finally {
    await rm(cache, { recursive: true, force: true })
    await stack?.stop()
  }
}

/** The file where it leads to the gate at `url`; null: none there, or another's. */
async function kubeconfigOf(file: string, url: string): Promise<string | null> {
  const content = await readFile(file, 'utf8').catch(() => '')
  return content.includes(`value: ${url}\n`) ? file : null
}

async function tell(gate: Gate, signal: AbortSignal): Promise<void> {
  for (const [n, { title, run }] of steps.entries()) {
    signal.throwIfAborted()
    process.stdout.write(`\n${n + 1}. ${title}\n`)
    for (const line of await run(gate)) process.stdout.write(`     ${line}\n`)
    process.stdout.write('   ok\n')
  }
  process.stdout.write('\nEvery step did what it says.\n')
}

function gateAt(url: string): Gate {
  const send = async (method: string, path: string, headers: Record<string, string>, body?: unknown) => {
    const answer = await fetch(url + path, { method, headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
    return { status: answer.status, body: await answer.json() as Readonly<Record<string, never>> }
  }
  return {
    async sluice(token, args) {
      let err = ''
      const terminal: Terminal = { out: () => {}, err: (text) => { err += text }, input: async () => '', env: { HOME: '/nowhere', SLUICE_URL: url, SLUICE_TOKEN: token }, columns: null, color: false }
      const code = await run(args, { terminal, fetch, bootstrap: async () => false })
      return { code, err }
    },
    call: (method, path, token, body) => send(method, path, token === null ? {} : { authorization: `Bearer ${token}` }, body),
    async token(subject, groups) {
      const { status, body } = await send('POST', '/dev/token', {}, { subject, groups })
      if (status !== 200) throw new Error(`no token for ${subject}: the demo wants the local identity provider (${status})`)
      return String(body['access_token'] ?? body['token'])
    },
  }
}

main().then(() => process.exit(0), (error: unknown) => {
  process.stderr.write(`\nthe demo failed: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(1)
})
