import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Cluster } from '../../functions/local/cluster.ts'
import { aboutOf, type Errand } from '../../functions/protocol/carry.ts'
import { uncover } from '../../functions/protocol/seal.ts'
import { detectorNames, type PolicyDocument } from '../../schema/policy.ts'
import { commands, type Command } from './commands.ts'
import { kubectl, kubectlToTest, minorOf, normal, type Ran } from './kubectl.ts'
import { documents, operator, standAlone, standGate, type Gated } from './stand.ts'

/** The whole suite through a connection that says `transport: private`, against the cluster alone; errands are carried to the engine in its network within this process, as JSON, sealed. */
const binary = kubectlToTest()
if (binary === null) console.warn('skipped: no kubectl; to run this suite: apt-get install -y kubernetes-client')
const apart = (list: readonly PolicyDocument[]): readonly PolicyDocument[] => list.map((one) => one.kind === 'connection' ? { ...one, transport: 'private' as const } : one)
interface Side { readonly config: string; readonly prefix: string; readonly namespace: string }
const followed = /^logs .*-f$/

describe.skipIf(binary === null)('kubectl, and a cluster that only a private network reaches', () => {
  const clusters: Cluster[] = []
  const wire = { sealed: [] as string[], answers: [] as string[] }
  let [alone, through, blind] = [null, null, null] as unknown as [Side, Side, Side]
  let [seeing, unseeing] = [null, null] as unknown as [Gated, Gated]
  let [directory, minor] = ['', 0]
  beforeAll(async () => {
    if (binary === null) return
    directory = await mkdtemp(join(tmpdir(), 'sluice-kubectl-private-'))
    minor = await minorOf(binary, directory)
    const [bare, behind] = [await standAlone({ protobuf: true }), await standAlone()]
    clusters.push(bare, behind)
    alone = { config: join(directory, 'alone'), prefix: '', namespace: 'sluice-suite-seer' }
    const admin: Side = { ...alone, config: join(directory, 'behind') }
    for (const [side, one] of [[alone, bare], [admin, behind]] as const) {
      one.say('tiny', ['tiny starting', 'customer canary@acme.dev signed in', 'GET /healthz 200'])
      await writeFile(side.config, one.admin)
      for (const stdin of ['apiVersion: v1\nkind: Namespace\nmetadata: { name: sluice }\n', JSON.stringify({ apiVersion: 'v1', kind: 'List', items: operator }), ...['seer', 'plain'].map((name) => `apiVersion: v1\nkind: Namespace\nmetadata: { name: sluice-suite-${name} }\n`)]) {
        const ran = await run(side, 'apply -f -', { stdin })
        if (ran.code !== 0) throw new Error(ran.err)
      }
    }
    seeing = await standGate(apart(documents([])), behind.admin, () => {})
    unseeing = await standGate(apart(documents(detectorNames)), behind.admin, (sealed, answer) => { wire.sealed.push(sealed); wire.answers.push(answer) })
    through = { config: await seeing.as({ subject: 'user:ada@acme.dev', groups: ['seers'] }), prefix: '/v1/kubernetes/cluster', namespace: 'sluice-suite-seer' }
    blind = { config: await unseeing.as({ subject: 'user:ada@acme.dev', groups: ['operators'] }), prefix: '/v1/kubernetes/cluster', namespace: 'sluice-suite-plain' }
  }, 120_000)
  afterAll(async () => {
    await Promise.all([seeing, unseeing].map((one) => one?.close()))
    await Promise.all(clusters.map((one) => one.close()))
    if (directory) await rm(directory, { recursive: true, force: true })
  })
  async function run({ config, prefix, namespace }: Side, words: string, { stdin = '', ends }: { readonly stdin?: string; readonly ends?: RegExp | undefined } = {}): Promise<Ran> {
    if (binary === null) throw new Error('no kubectl')
    const cache = join(directory, `cache-${config.replaceAll(/\W/g, '-').slice(-40)}`)
    await mkdir(cache, { recursive: true })
    return kubectl(binary, config, cache, words.replaceAll(/\bNS\b/g, namespace).replaceAll('RAW', prefix).split(' '), { stdin: stdin.replaceAll(/\bNS\b/g, namespace), ends })
  }
  const applies = ({ since = 0, until = 99 }: Command) => since <= minor && minor <= until
  const told = ({ code, out, err }: Ran, { ends, run: words }: Command) => {
    const said = normal(out)
    return { code: ends ? null : code, out: /^describe|--prefix/.test(words) ? [...new Set(said.split('\n'))].sort() : said, err: normal(err) }
  }

  describe('answers as the cluster itself does', () => {
    it.for(commands.map((command, index) => [`${index + 1}. ${command.run}`, command] as const))('%s', async ([, command], { skip }) => {
      skip(!applies(command), `not of kubectl 1.${minor}`)
      if (command.refused || followed.test(command.run)) {
        const ran = await run(through, command.run, command)
        expect(ran.err).toMatch(command.refused ?? /cannot be followed; leave `-f` out/)
        return expect(ran.code).not.toBe(0)
      }
      const [bare, carried] = await Promise.all([alone, through].map((side) => run(side, command.run, command)))
      if (!bare || !carried) throw new Error('two runs')
      if (command.differs) return expect([carried.out + carried.err, bare.out + bare.err]).toEqual([expect.stringMatching(command.differs), expect.stringMatching(command.differs)])
      expect(told(carried, command)).toEqual(told(bare, command))
    })
  })

  it('shows nothing classified, neither to a caller nor to whoever reads what is carried', async () => {
    for (const command of commands.filter((one) => applies(one) && !one.refused && !followed.test(one.run))) await run(blind, command.run, command)
    const canaries = ['CANARY-secret', 'CANARY-created', 'Q0FOQVJZLXNlY3JldA==', 'Q0FOQVJZLWNyZWF0ZWQ=', 'canary@acme.dev']
    const answers = wire.answers.map((text) => [text, ...(JSON.parse(text) as { value?: { answer?: { body: string } } }).value?.answer ? [Buffer.from((JSON.parse(text) as { value: { answer: { body: string } } }).value.answer.body, 'base64').toString()] : []].join('\n')).join('\n')
    expect(canaries.filter((canary) => unseeing.sent().includes(canary))).toEqual([])
    expect(canaries.filter((canary) => answers.includes(canary))).toEqual([])
    expect(unseeing.sent().length).toBeGreaterThan(100_000)
    // It was looked at, there, with what rules may read in it: the canary lives, under a key that only the end there has.
    const seen = wire.sealed.flatMap((sealed) => { const { errand } = JSON.parse((JSON.parse(sealed) as { text: string }).text) as { errand: Errand }; return errand.op === 'execute' && errand.seen !== undefined ? [JSON.stringify(uncover('s'.repeat(44), 'seen', aboutOf(errand), errand.seen))] : [] })
    expect(seen.join()).toContain('Q0FOQVJZLXNlY3JldA==')
    expect([...seeing.world.alarms, ...unseeing.world.alarms]).toEqual([])
  }, 240_000)
})
