import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readPolicy } from '../../functions/cli/policy/read.ts'
import { createApproving } from '../support/approvals.ts'
import type { World } from '../support/ports.ts'
import { parseScript, type Script } from './parse.ts'
import { play, type Stage } from './runner.ts'

/** Every script in this process, with the demo's policy over tables in memory; and against a running stack when SLUICE_URL names one. */
const scripts = readdirSync(import.meta.dirname).filter((file) => file.endsWith('.txt')).sort().map((file) => parseScript(file, readFileSync(join(import.meta.dirname, file), 'utf8')))
const { bundle } = await readPolicy(join(import.meta.dirname, '../../policy'))
if (!bundle) throw new Error('the demo policy is not sound')
const documents = Object.fromEntries(bundle.documents.map(({ path, document }) => [path, document]))

function inProcess({ world, app }: ReturnType<typeof createApproving>): Stage {
  return { send: async (path, init) => app.request(path, init), token: (words) => world.token(words) }
}
function applyFaults(world: World, script: Script): void {
  for (const fault of script.faults) {
    const store = /^store down: (policies|ledger|idempotency|meter)$/.exec(fault)?.[1]
    if (fault === 'target down') world.engine.down = true
    else if (store === 'policies' || store === 'ledger' || store === 'idempotency' || store === 'meter') world.broken.add(store)
    else throw new Error(`${script.name}: unknown fault \`${fault}\``)
  }
}
const root = join(import.meta.dirname, '../..')
function startProcess(): Promise<{ url: string; stop: () => Promise<void> }> {
  const { SLUICE_URL: _, ...env } = process.env
  const child = spawn(process.execPath, [join(root, 'functions/local/start.ts'), '--ephemeral'], { env: { ...env, PORT: '0' }, stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = new Promise<void>((resolve) => { child.on('close', () => resolve()) })
  let output = ''
  return new Promise((resolve, reject) => {
    const listen = (chunk: Buffer) => {
      output += chunk.toString()
      const ready = /ready on (\S+)/.exec(output)?.[1]
      if (ready !== undefined) resolve({ url: ready, stop: async () => { child.kill('SIGINT'); await ended } })
    }
    child.stdout.on('data', listen)
    child.stderr.on('data', listen)
    child.on('close', () => reject(new Error(`the stack ended: ${output}`)))
  })
}
const withKey = (script: Script): Script => ({ ...script, steps: script.steps.map((step) => ({ ...step, body: step.body?.replaceAll('{{run}}', `${script.name}-${run}`) ?? null, headers: step.headers.map(([name, value]) => [name, value === '{{key}}' ? `${script.name}-${run}` : value] as const) })) })
const run = randomUUID()

describe('in this process', () => {
  test.each(scripts)('$name', async (script) => {
    const at = createApproving(documents, { automatic: true })
    const { world } = at
    applyFaults(world, script)
    await play(withKey(script), inProcess(at))
    expect(world.alarms.filter(({ what }) => what === 'unexpected error')).toEqual([])
  })
})

/** The stack as `npm start` runs it, in a process of its own; SLUICE_URL names one that runs already. */
describe('against a started stack', () => {
  let url = process.env['SLUICE_URL'] ?? ''
  let stop = async (): Promise<void> => {}
  beforeAll(async () => {
    if (url === '') ({ url, stop } = await startProcess())
  }, 120_000)
  afterAll(() => stop())
  const stack: Stage = {
    send: (path, init) => fetch(`${url}${path}`, init),
    token: async ({ subject, groups, actor, seconds, claims }) => {
      const body = { subject, groups, ...(actor === undefined ? {} : { actor }), ...(seconds === undefined ? {} : { ttl: `${seconds}s` }), ...(Object.keys(claims).length === 0 ? {} : { claims }) }
      const response = await fetch(`${url}/dev/token`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
      const answer: unknown = await response.json()
      if (typeof answer === 'object' && answer !== null && 'access_token' in answer && typeof answer.access_token === 'string') return answer.access_token
      throw new Error(`no token: ${JSON.stringify(answer)}`)
    },
  }
  test.each(scripts.filter(({ faults }) => faults.length === 0))('$name', async (script) => { await expect(play(withKey(script), stack)).resolves.toBeUndefined() })

  test('the demo does what it says', async () => {
    const demo = spawn(process.execPath, [join(root, 'functions/local/demo.ts')], { env: { ...process.env, SLUICE_URL: url }, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    demo.stdout.on('data', (chunk: Buffer) => { output += chunk.toString() })
    demo.stderr.on('data', (chunk: Buffer) => { output += chunk.toString() })
    const code = await new Promise((resolve) => { demo.on('close', resolve) })
    expect(code, output).toBe(0)
  })
})
