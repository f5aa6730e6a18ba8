import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Cluster } from '../../functions/local/cluster.ts'
import { commands, type Command } from './commands.ts'
import { kubectlToTest, kubectl, minorOf, normal, type Ran } from './kubectl.ts'
import { detectorNames } from '../../schema/policy.ts'
import { documents, operator, standAlone, standGate, type Gated } from './stand.ts'

/**
 * kubectl itself, against a cluster and against the same cluster behind the gate. `SLUICE_TEST_KUBECONFIG` names a real cluster to use instead of the demo's: the suite
 * makes and deletes namespaces `sluice-suite-*` there, and an account `operator` in a namespace `sluice` that may do everything; so a throw-away one.
 */
const binary = kubectlToTest()
const real = process.env['SLUICE_TEST_KUBECONFIG']
if (binary === null) console.warn('skipped: no kubectl; to run this suite: apt-get install -y kubernetes-client')

let directory: string
let minor = 0
const clusters: Cluster[] = []
let gated: Gated
let comparing: Gated
/** kubeconfig files: of the cluster alone, and through the gate of somebody who sees everything and of somebody who sees nothing classified. */
let alone = ''
let seer = ''
let plain = ''
const canaries = ['CANARY-secret', 'CANARY-created', 'CANARY-annotation-secret', 'canary@acme.dev', ...['CANARY-secret', 'CANARY-created', 'CANARY-annotation-secret'].map((word) => Buffer.from(word).toString('base64'))]

describe.skipIf(binary === null)('kubectl through the gate', { timeout: 60_000 }, () => {
  beforeAll(async () => {
    if (binary === null) return
    directory = await mkdtemp(join(tmpdir(), 'sluice-suite-'))
    minor = await minorOf(binary, directory)
    const file = async (name: string, content: string) => { await writeFile(join(directory, name), content, { mode: 0o600 }); return join(directory, name) }
    let secret = real ? readFileSync(real, 'utf8') : ''
    if (real) alone = real
    else {
      const [bare, behind] = [await standAlone({ protobuf: true }), await standAlone()]
      clusters.push(bare, behind)
      for (const one of clusters) one.say('tiny', ['tiny starting', 'customer canary@acme.dev signed in', 'GET /healthz 200'])
      secret = behind.admin
      alone = await file('alone', bare.admin)
    }
    const behind = real ?? await file('behind', secret)
    gated = await standGate(documents(detectorNames), secret)
    comparing = await standGate(documents([]), secret)
    seer = await comparing.as({ subject: 'user:ada@acme.dev', groups: ['seers'] })
    plain = await gated.as({ subject: 'user:ada@acme.dev', groups: ['operators'] })
    const account = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: operator })
    for (const config of new Set([alone, behind])) {
      for (const stdin of ['apiVersion: v1\nkind: Namespace\nmetadata: { name: sluice }\n', account, ...['seer', 'plain'].map((name) => `apiVersion: v1\nkind: Namespace\nmetadata: { name: sluice-suite-${name} }\n`)]) {
        const made = await run(config, 'apply -f -', { stdin })
        if (made.code !== 0) throw new Error(made.err)
      }
    }
  }, 60_000)
  afterAll(async () => {
    if (real) for (const name of ['seer', 'plain']) await run(alone, `delete namespace sluice-suite-${name} --wait=false`)
    await Promise.all([gated, comparing].map((one) => one?.close()))
    await Promise.all(clusters.map((one) => one.close()))
    if (directory) await rm(directory, { recursive: true, force: true })
  })

  const applies = ({ since = 0, until = 99, demo }: Command) => since <= minor && minor <= until && !(demo && real)
  it('has at least sixty commands for this version', () => {
    expect(commands.filter(applies).length).toBeGreaterThanOrEqual(60)
  })

  describe('answers whoever may see everything as the cluster itself does', () => {
    it.each(commands.map((command, index) => [`${index + 1}. ${command.run}`, command] as const))('%s', async (_, command, ) => {
      if (!applies(command)) return
      if (command.refused) {
        const ran = await run(seer, command.run, { ...command, namespace: 'sluice-suite-seer' })
        expect([ran.code, ran.err]).toEqual([expect.not.stringMatching('^0$') as unknown, expect.stringMatching(command.refused)])
        return expect(ran.code).not.toBe(0)
      }
      const [bare, through] = await Promise.all([alone, seer].map((config) => run(config, command.run, { ...command, namespace: 'sluice-suite-seer' })))
      if (!bare || !through) throw new Error('two runs')
      if (command.differs) return expect([through.out + through.err, bare.out + bare.err]).toEqual([expect.stringMatching(command.differs), expect.stringMatching(command.differs)])
      expect(told(through, command)).toEqual(told(bare, command))
      if (!command.ends) expect(bare.code).toBe(command.code ?? 0)
    })
  })

  describe('shows nothing classified to whoever may not see it', () => {
    it('over all the suite\'s commands: not in a byte that leaves the gate', async () => {
      const before = gated.sent().length
      const failures: string[] = []
      for (const command of commands.filter(applies)) {
        const ran = await run(plain, command.run, { ...command, namespace: 'sluice-suite-plain' })
        if (!command.ends && !command.refused && !command.reveals && !command.differs && ran.code !== (command.code ?? 0)) failures.push(`${command.run}: ${ran.code} ${ran.err}`)
      }
      const sent = gated.sent().slice(before)
      expect(canaries.filter((canary) => sent.includes(canary))).toEqual([])
      expect(sent.length).toBeGreaterThan(100_000)
      expect(failures).toEqual([])
    }, 240_000)
    it('and nobody was alarmed: a client that leaves a watch or a log is no incident', () => {
      expect([...gated.world.alarms, ...comparing.world.alarms]).toEqual([])
    })
    it('and to whoever may, it is there: the canary lives', () => {
      for (const canary of ['Q0FOQVJZLXNlY3JldA==', 'Q0FOQVJZLWNyZWF0ZWQ=']) expect([canary, comparing.sent().includes(canary)]).toEqual([canary, true])
    })
  })
})

interface More { readonly stdin?: string; readonly ends?: RegExp; readonly namespace?: string }
async function run(config: string, words: string, { stdin = '', ends, namespace = '' }: More = {}): Promise<Ran> {
  if (binary === null) throw new Error('no kubectl')
  const cache = join(directory, `cache-${config.replaceAll(/\W/g, '-').slice(-40)}`)
  await mkdir(cache, { recursive: true })
  return kubectl(binary, config, cache, words.replaceAll(/\bNS\b/g, namespace).replaceAll('RAW', config === seer || config === plain ? '/v1/kubernetes/cluster' : '').split(' '), { stdin: stdin.replaceAll(/\bNS\b/g, namespace), ends })
}
/** What was said, as far as two runs may be compared: of a run that was killed no code, of `describe` and of several logs the lines in any order, because they come as maps and pods do. */
const told = ({ code, out, err }: Ran, { ends, run }: Command) => ({ code: ends ? null : code, out: /^describe|--prefix/.test(run) ? normal(out).split('\n').sort() : normal(out), err: normal(err) })
