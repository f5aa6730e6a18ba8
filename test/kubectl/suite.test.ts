import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Cluster } from '../../functions/local/cluster.ts'
import { clientOf } from '../local/cluster.ts'
import { commands, type Command } from './commands.ts'
import { disagreements, type Heard } from './agreement.ts'
import { followAudit } from './real/audit.ts'
import { installBehind } from './real/behind.ts'
import { alike, furnished } from './real/alike.ts'
import { kubectlToTest, kubectl, minorOf, normal, type Ran } from './kubectl.ts'
import { detectorNames } from '../../schema/policy.ts'
import { documents, operator, standAlone, standGate, type Gated } from './stand.ts'

/**
 * kubectl itself, against a cluster and against the same cluster behind the gate. `SLUICE_TEST_KUBECONFIG` names a real cluster to use instead of the demo's: the suite
 * makes and deletes namespaces `sluice-suite-*` there, and in a namespace `sluice` an account `operator` that may do everything; so a throw-away one. There each side works in a namespace of
 * its own, and what differs by that, by chance and by time is made alike before it is compared.
 */
const binary = kubectlToTest()
const real = process.env['SLUICE_TEST_KUBECONFIG']
if (binary === null) console.warn('skipped: no kubectl; to run this suite: apt-get install -y kubernetes-client')

let directory: string
let minor = 0
/** Whether pods become ready: on a real cluster only where real/node.ts plays the kubelet, for the suite's images do not exist. */
let running = true
let settle = async (): Promise<void> => {}
/** The API server's audit log of that cluster, where it lies on this machine. */
const audit = process.env['SLUICE_TEST_AUDIT']
let follow = async (): Promise<readonly Heard[]> => []
const clusters: Cluster[] = []
const tally = { compared: 0, done: 0 }
let gated: Gated
let comparing: Gated
/** The cluster alone, and through the gate somebody who sees everything and somebody who sees nothing classified. */
interface Side { readonly config: string; readonly namespace: string; readonly prefix: string }
let alone: Side
let seer: Side
let plain: Side
const canaries = ['CANARY-secret', 'CANARY-created', 'CANARY-annotation-secret', 'canary@acme.dev', ...['CANARY-secret', 'CANARY-created', 'CANARY-annotation-secret'].map((word) => Buffer.from(word).toString('base64'))]

describe.skipIf(binary === null)('kubectl through the gate', { timeout: 60_000 }, () => {
  beforeAll(async () => {
    if (binary === null) return
    directory = await mkdtemp(join(tmpdir(), 'sluice-suite-'))
    minor = await minorOf(binary, directory)
    const file = async (name: string, content: string) => { await writeFile(join(directory, name), content, { mode: 0o600 }); return join(directory, name) }
    const secret = real ? await standReal(binary, real) : await standDemo(file)
    gated = await standGate(documents(detectorNames), secret)
    comparing = await standGate(documents([]), secret)
    seer = { config: await comparing.as({ subject: 'user:ada@acme.dev', groups: ['seers'] }), namespace: 'sluice-suite-seer', prefix: '/v1/kubernetes/cluster' }
    plain = { config: await gated.as({ subject: 'user:ada@acme.dev', groups: ['operators'] }), namespace: 'sluice-suite-plain', prefix: '/v1/kubernetes/cluster' }
  }, 120_000)
  /** Two demo clusters that name things the same way, so that both sides have the same namespaces. */
  async function standDemo(file: (name: string, content: string) => Promise<string>): Promise<string> {
    const [bare, behind] = [await standAlone({ protobuf: true }), await standAlone()]
    clusters.push(bare, behind)
    for (const one of clusters) one.say('tiny', ['tiny starting', 'customer canary@acme.dev signed in', 'GET /healthz 200'])
    alone = { config: await file('alone', bare.admin), namespace: 'sluice-suite-seer', prefix: '' }
    for (const config of [alone.config, await file('behind', behind.admin)]) {
      await made(config, 'apiVersion: v1\nkind: Namespace\nmetadata: { name: sluice }\n')
      await made(config, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: operator }))
      for (const name of ['seer', 'plain']) await made(config, namespaced(name))
    }
    return behind.admin
  }
  async function standReal(binary: string, config: string): Promise<string> {
    const behind = await installBehind(binary, config, directory)
    if (audit) {
      follow = followAudit(audit, 'system:serviceaccount:sluice:operator')
      await follow()
    }
    alone = { config, namespace: 'sluice-suite-direct', prefix: '' }
    const names = ['direct', 'seer', 'plain']
    for (const name of names) await made(config, namespaced(name))
    const stood = await furnished(clientOf(behind.operator), names.map((name) => `sluice-suite-${name}`))
    running = stood.running
    settle = stood.settle
    if (!running) console.warn(`not run, because no pod of the suite becomes ready on this cluster: ${commands.filter((one) => one.running).length} commands`)
    return behind.minter
  }
  async function made(config: string, stdin: string): Promise<void> {
    const ran = await run({ config, namespace: '', prefix: '' }, 'apply -f -', { stdin })
    if (ran.code !== 0) throw new Error(ran.err)
  }
  const namespaced = (name: string) => `apiVersion: v1\nkind: Namespace\nmetadata: { name: sluice-suite-${name} }\n`
  afterAll(async () => {
    if (real && alone) for (const name of ['direct', 'seer', 'plain']) await run(alone, `delete namespace sluice-suite-${name} --wait=false`)
    await Promise.all([gated, comparing].map((one) => one?.close()))
    await Promise.all(clusters.map((one) => one.close()))
    if (directory) await rm(directory, { recursive: true, force: true })
    if (real) console.warn(`on the real cluster: ${tally.compared} commands compared, ${tally.done} of them done on both sides, the others refused alike`)
  })

  const applies = ({ since = 0, until = 99, running: ready }: Command) => since <= minor && minor <= until && (running || !ready)
  /** Where the demo cluster alone answers so, a real one may answer otherwise: alike on both sides. */
  const codeOf = ({ code = 0, demo }: Command) => (real && demo ? null : code)
  it('has at least sixty commands for this version', () => {
    expect(commands.filter(applies).length).toBeGreaterThanOrEqual(60)
  })

  describe('answers whoever may see everything as the cluster itself does', () => {
    it.for(commands.map((command, index) => [`${index + 1}. ${command.run}`, command] as const))('%s', async ([, command], { skip }) => {
      skip(!applies(command), `not of kubectl 1.${minor}, or of this cluster`)
      await settle()
      if (command.refused) {
        const ran = await run(seer, command.run, command)
        expect([ran.code, ran.err]).toEqual([expect.not.stringMatching('^0$') as unknown, expect.stringMatching(command.refused)])
        return expect(ran.code).not.toBe(0)
      }
      const [bare, through] = await Promise.all([alone, seer].map((side) => run(side, command.run, command)))
      if (!bare || !through) throw new Error('two runs')
      if (command.differs && !(real && command.code === undefined && bare.code !== 0)) return expect([through.out + through.err, bare.out + bare.err]).toEqual([expect.stringMatching(command.differs), expect.stringMatching(command.differs)])
      expect(told(through, command)).toEqual(told(bare, command))
      tally.compared++
      if (bare.code === 0) tally.done++
      const code = codeOf(command)
      if (!command.ends && code !== null) expect(bare.code).toBe(code)
    })
  })

  describe('shows nothing classified to whoever may not see it', () => {
    it('over all the suite\'s commands: not in a byte that leaves the gate', async () => {
      const before = gated.sent().length
      const failures: string[] = []
      for (const command of commands.filter(applies)) {
        await settle()
        const ran = await run(plain, command.run, command)
        const code = codeOf(command)
        if (!command.ends && !command.refused && !command.reveals && !command.differs && code !== null && ran.code !== code) failures.push(`${command.run}: ${ran.code} ${ran.err}`)
      }
      const sent = gated.sent().slice(before)
      expect(canaries.filter((canary) => sent.includes(canary))).toEqual([])
      expect(sent.length).toBeGreaterThan(100_000)
      expect(failures).toEqual([])
    }, 240_000)
    if (audit) it('and what the API server\'s own audit log says of each request is what was decided of it', async () => {
      const mine = await follow()
      expect(disagreements(mine, [...gated.world.events, ...comparing.world.events])).toEqual([])
      expect(mine.length).toBeGreaterThan(400)
      console.warn(`in the audit log: ${mine.length} requests, each read there as it was decided`)
    })
    it('and nobody was alarmed: a client that leaves a watch or a log is no incident', () => {
      expect([...gated.world.alarms, ...comparing.world.alarms]).toEqual([])
    })
    it('and to whoever may, it is there: the canary lives', () => {
      for (const canary of ['Q0FOQVJZLXNlY3JldA==', 'Q0FOQVJZLWNyZWF0ZWQ=']) expect([canary, comparing.sent().includes(canary)]).toEqual([canary, true])
    })
  })
})

interface More { readonly stdin?: string; readonly ends?: RegExp }
async function run({ config, namespace, prefix }: Side, words: string, { stdin = '', ends }: More = {}): Promise<Ran> {
  if (binary === null) throw new Error('no kubectl')
  const cache = join(directory, `cache-${config.replaceAll(/\W/g, '-').slice(-40)}`)
  await mkdir(cache, { recursive: true })
  return kubectl(binary, config, cache, words.replaceAll(/\bNS\b/g, namespace).replaceAll('RAW', prefix).split(' '), { stdin: stdin.replaceAll(/\bNS\b/g, namespace), ends })
}
/** What was said, as far as two runs may be compared: of a run that was killed no code, of `describe` and of several logs the lines in any order, because they come as maps and pods do. */
function told({ code, out, err }: Ran, { ends, run }: Command) {
  const [said = '', complained = ''] = [out, err].map((text) => real ? alike(normal(text)) : normal(text))
  const loose = /^describe|--prefix/.test(run) || (real !== undefined && !/ -o (yaml|json)|--raw/.test(run))
  return { code: ends ? null : code, out: loose ? [...new Set(said.split('\n'))].sort() : said, err: complained }
}
