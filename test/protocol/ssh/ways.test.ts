import { existsSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { isPermit } from '../../../functions/decide/permit.ts'
import type { Errand } from '../../../functions/protocol/carry.ts'
import type { Cuts } from '../../../functions/protocol/halt.ts'
import { createCarrier, createInside } from '../../../functions/protocol/inside.ts'
import { TransportError } from '../../../functions/protocol/post.ts'
import type { Protocol } from '../../../functions/protocol/protocol.ts'
import { createRemote, Refused, type Send } from '../../../functions/protocol/remote.ts'
import { routed } from '../../../functions/protocol/routed.ts'
import { seal } from '../../../functions/protocol/seal.ts'
import { createSsh } from '../../../functions/protocol/ssh/ssh.ts'
import { noSshd, sshd, startSshd, type Sshd } from '../../support/sshd.ts'
import { alarms, connection, go, outcome } from './rig.ts'

/** The same promises over both ways to a host: from the gate itself, and by sealed errands to a function in the host's network, which alone has its secret. */
const key = 'k'.repeat(44)
const wire: { sealed: string; answer: string }[] = []
const reads: string[] = []
const alarm = (what: string) => { alarms.push(what) }
let server: Sshd
let marks = 0
/** Where a command says that it ran. */
const mark = () => `${server.directory}/mark-${++marks}`
beforeAll(async () => { if (sshd !== null) server = await startSshd() })
afterAll(async () => { await server?.stop() })
beforeEach(() => { wire.length = 0; reads.length = 0; alarms.length = 0 })

const there = { get: async (name: string) => { reads.push(`there ${name}`); return name === 'bastion-ssh' ? server.certified : name === 'sluice-private-key' ? key : 's'.repeat(44) } }
const gates = { get: async (name: string) => { reads.push(`gate ${name}`); if (name !== 'sluice-private-key') throw new Error('the gate has no credential of a private target'); return key } }
const carrier = createCarrier()
const said = new Map<string, string>()
const cuts: Cuts = { say: async (id, why) => { said.set(id, why) }, said: async (id) => said.get(id) ?? null }
const inside = createInside({ secrets: there, now: Date.now, alarm, carry: carrier.carry, cuts, engines: { ssh: createSsh({ secrets: there, now: Date.now, alarm, isPermit: carrier.isPermit }) } })
const through: Send = async (sealed) => {
  const answer = JSON.stringify(await inside(JSON.parse(sealed)))
  wire.push({ sealed, answer })
  return answer
}
/** `deaf`: nobody there can be told of a cut. */
const apart = (send: Send = through, deaf = false): Protocol => { const here = createSsh({ secrets: gates, now: Date.now, alarm, isPermit }); return routed(here, createRemote({ secrets: gates, now: Date.now, isPermit, here, send, ...(!deaf && { cuts }) })) }
const ways = {
  'the gate itself': { engine: () => createSsh({ secrets: there, now: Date.now, alarm, isPermit }), on: connection },
  'a private function': { engine: () => apart(), on: { ...connection, transport: 'private' as const } },
}
const hidden = `${noSshd}`

describe.skipIf(sshd === null).each(Object.entries(ways))(`by %s${sshd === null ? ` (${hidden})` : ''}`, (_, { engine, on }) => {
  test('a command runs word for word, and its end comes back', async () => {
    expect((await go(engine(), ['printf', '%s|', 'a  b', '$HOME', '; id', 'łódź'], { on })).said).toEqual({ stdout: 'a  b|$HOME|; id|łódź|', stderr: '', exitCode: 0, truncated: false })
    expect((await go(engine(), ['sh', '-c', 'echo bad >&2; exit 3'], { on })).said).toMatchObject({ stderr: 'bad\n', exitCode: 3 })
    expect((await go(engine(), ['sh', '-c', 'kill -HUP $$'], { on })).said).toMatchObject({ exitCode: null, ended: 'it was ended by the signal SIGHUP' })
  })
  test('what it writes is heard by the record, masked, and then answered, masked', async () => {
    const heard: string[] = []
    const { said, executed } = await go(engine(), ['sh', '-c', 'echo to joe@acme.dev; echo from ann@acme.dev >&2'], { on, run: { heard: async (stream, bytes) => { heard.push(`${stream} ${Buffer.from(bytes).toString()}`) } } })
    expect([said, heard.toSorted()]).toEqual([{ stdout: 'to [redacted: email]\n', stderr: 'from [redacted: email]\n', exitCode: 0, truncated: false }, ['stderr from [redacted: email]\n', 'stdout to [redacted: email]\n']])
    expect(executed).toMatchObject({ rows: { answered: { status: 200, audit: expect.stringMatching(/^sluice-/) as unknown } } })
  })
  test('more than a way carries is let go of, and says so; the record has what came', async () => {
    let heard = 0
    const { said } = await go(engine(), ['head', '-c', '20000000', '/dev/zero'], { on, detect: [], timeoutMs: 30_000, run: { heard: async (_, bytes) => { heard += bytes.byteLength } } })
    expect(said).toMatchObject({ truncated: true, exitCode: null, ended: expect.stringMatching(/more than (16|2) MB/) as unknown })
    expect([2, 16].map((megabytes) => megabytes * 1024 * 1024)).toContain(heard)
  }, 120_000)
  test('an answer that JSON makes larger than a way carries comes shorter, and says so: it ran', async () => {
    const { said } = await go(engine(), ['head', '-c', '1900000', '/dev/zero'], { on, detect: [], bytes: 8 * 1024 * 1024 })
    expect(said).toMatchObject({ exitCode: 0, truncated: true })
  })
  test('one that cannot be recorded is unknown', async () => {
    expect(outcome(await go(engine(), ['echo', 'x'], { on, run: { heard: async () => { throw new Error('no store') } } }))).toMatch(/^unknown outcome-unknown /)
  })
  test('one whose time is over is unknown, one whose time to begin is over never began', async () => {
    expect(outcome(await go(engine(), ['sleep', '60'], { on, timeoutMs: 3000 }))).toBe('unknown outcome-unknown answer_lost')
    expect(outcome(await go(engine(), ['true'], { on, run: { deadline: Date.now() - 1 } }))).toBe('failed timeout deadline_passed')
  })
  test('what one wrote until its time was over is heard by the record', async () => {
    let heard = ''
    expect(outcome(await go(engine(), ['sh', '-c', 'echo begun; sleep 60'], { on, timeoutMs: 3000, run: { heard: async (_, bytes) => { heard += Buffer.from(bytes).toString() } } }))).toBe('unknown outcome-unknown answer_lost')
    expect(heard).toBe('begun\n')
  })
  test('cut in its midst it is unknown, and what it wrote until then is heard by the record', async () => {
    const cut = new AbortController()
    let heard = ''
    const begun = mark()
    const running = go(engine(), ['sh', '-c', 'while sleep 0.1; do echo x; echo y >> "$0"; done', begun], { on, timeoutMs: 50_000, run: { cut: cut.signal, heard: async (_, bytes) => { heard += Buffer.from(bytes).toString() } } })
    await expect.poll(() => existsSync(begun) && readFileSync(begun, 'utf8').length).toBeGreaterThan(10)      // some of it is here by then
    cut.abort(new Error('locked'))
    expect([outcome(await running), heard]).toEqual(['unknown outcome-unknown cut', expect.stringMatching(/^(x\n)+$/)])
  })
  test('whose end was not heard is said in words of a command, and never to have stopped', async () => {
    const cut = new AbortController()
    const begun = mark()
    const running = go(engine(), ['sh', '-c', 'while sleep 0.1; do echo x; touch "$0"; done', begun], { on, timeoutMs: 50_000, run: { cut: cut.signal } })
    await expect.poll(() => existsSync(begun)).toBe(true)
    cut.abort(new Error('locked'))
    const { executed } = await running
    expect(executed).toMatchObject({ status: 'unknown', refusal: { detail: expect.stringMatching(/^the command was .*(until its own time|ends when it next writes)/) as unknown, next: 'none' } })
    const unrecorded = await go(engine(), ['echo', 'x'], { on, run: { heard: async () => { throw new Error('no store') } } })
    expect(unrecorded.executed).toMatchObject({ refusal: { detail: expect.stringMatching(/^the command (was sent|ran)/) as unknown } })
  })
  test('an operator sees what the host must have, and whether it is there', async () => {
    await expect(engine().ping?.(on)).resolves.toBeUndefined()
    expect((await engine().grants?.(on, [{ actions: ['exec'], on: ['df -h'] }]))?.script).toContain('TrustedUserCAKeys')
  })
})

describe.skipIf(sshd === null)(`an errand to a host${sshd === null ? ` (${hidden})` : ''}`, () => {
  const on = { ...connection, transport: 'private' as const }
  const errandOf = (sealed: string): Errand => (JSON.parse((JSON.parse(sealed) as { text: string }).text) as { errand: Errand }).errand
  const ran = async (file: string) => (await go(ways['the gate itself'].engine(), ['ls', file])).said?.exitCode === 0

  test('the host\'s secret is read there alone, and nothing of it goes over the wire', async () => {
    await go(apart(), ['true'], { on })
    expect(new Set(reads)).toEqual(new Set(['gate sluice-private-key', 'there sluice-private-key', 'there bastion-ssh']))
    const { authority, hostKeys } = JSON.parse(server.certified) as { authority: string; hostKeys: string }
    const over = wire.map(({ sealed, answer }) => sealed + gunzipSync(Buffer.from(JSON.parse(answer) as string, 'base64')).toString()).join()
    for (const secret of [authority, ...authority.split('\n').slice(1, 4), hostKeys.trim()]) expect(over).not.toContain(secret)
    expect(wire.map(({ sealed }) => errandOf(sealed).op)).toEqual(['execute'])
  })
  test.each<readonly [string, (errand: Errand & { op: 'execute' }, file: string) => unknown]>([
    ['another command', (errand, file) => ({ ...errand, query: { ...errand.query, statements: [{ sql: `touch ${file}`, params: [] }] } })],
    ['another login', (errand) => ({ ...errand, connection: { ...errand.connection, logins: { '*': 'daemon' } } })],
    ['no detectors', (errand) => ({ ...errand, obligations: { ...errand.obligations, detect: [] } })],
  ])('changed to %s runs nothing', async (_, change) => {
    const file = mark()
    const send: Send = async (sealed, ms) => through(JSON.stringify({ ...JSON.parse(sealed) as object, text: JSON.stringify({ at: Date.now(), errand: change(errandOf(sealed) as never, file) }) }), ms)
    const before = server.log().split('Accepted publickey').length
    expect(outcome(await go(apart(send), ['true'], { on }))).toMatch(/^unknown/)
    expect([await ran(file), alarms]).toEqual([false, ['an errand that is not the gate\'s']])
    expect(server.log().split('Accepted publickey').length).toBe(before + 1)             // that of `ran`
  })
  test('by one who has the gate\'s key, with the decision on another command or login, is stale and runs nothing', async () => {
    const file = mark()
    for (const change of [(errand: Errand & { op: 'execute' }) => ({ ...errand, query: { ...errand.query, statements: [{ sql: `touch ${file}`, params: [] }] } }), (errand: Errand & { op: 'execute' }) => ({ ...errand, connection: { ...errand.connection, logins: { '*': 'daemon' } } })]) {
      expect(outcome(await go(apart((sealed, ms) => through(seal(key, change(errandOf(sealed) as never) as Errand, Date.now()), ms)), ['true'], { on }))).toMatch(/^stale/)
    }
    expect(await ran(file)).toBe(false)
  })
  test('sent twice runs once', async () => {
    const file = mark()
    await go(apart(), ['mkdir', file], { on })
    const before = server.log().split('Accepted publickey').length
    const again = JSON.parse(gunzipSync(Buffer.from(await inside(JSON.parse(wire.at(-1)?.sealed ?? '')), 'base64')).toString()) as { ok: boolean }
    expect([again.ok, server.log().split('Accepted publickey').length]).toEqual([false, before])
  })
  test('that is cut where nobody there can be told runs on to its own time, and what it writes reaches no record', async () => {
    const [file, cut] = [mark(), new AbortController()]
    let heard = 0
    const lines = async () => Number((await go(ways['the gate itself'].engine(), ['grep', '-c', '', file])).said?.stdout)
    const running = go(apart(through, true), ['sh', '-c', `for i in $(seq 30); do echo x >> ${file}; echo out; sleep 0.2; done`], { on, timeoutMs: 30_000, run: { cut: cut.signal, heard: async (_, bytes) => { heard += bytes.byteLength } } })
    await expect.poll(lines).toBeGreaterThan(0)
    cut.abort(new Error('locked'))
    expect([outcome(await running), heard]).toEqual(['unknown outcome-unknown answer_lost', 0])
    await expect.poll(lines).toBe(30)
    expect(heard).toBe(0)
  }, 120_000)
  test('whose answer is lost is unknown, and one that nobody took is failed; neither is sent again', async () => {
    let sends = 0
    const file = mark()
    expect(outcome(await go(apart(async (sealed, ms) => { sends++; await through(sealed, ms); throw new TransportError('timeout', 'no answer') }), ['touch', file], { on }))).toBe('unknown outcome-unknown answer_lost')
    expect([sends, await ran(file)]).toEqual([1, true])
    expect(outcome(await go(apart(async () => { sends++; throw new Refused('lambda answered 429') }), ['true'], { on }))).toBe('failed target-unavailable target_unreachable')
    expect(sends).toBe(2)
  })
})
