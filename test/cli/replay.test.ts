import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { analyst, auditor, support } from '../support/caller.ts'
import { demo } from '../support/policy.ts'
import { createWorld } from '../support/ports.ts'
import { toldOf } from '../record/export/events.ts'
import { createConsole } from './console.ts'

const directory = mkdtempSync(join(tmpdir(), 'sluice-replay-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))
let made = 0
const file = (content: string): string => { const path = join(directory, `${++made}.ndjson`); writeFileSync(path, content); return path }
function policyDirectory(change: Readonly<Record<string, unknown>>): string {
  const path = mkdtempSync(join(directory, 'policy-'))
  for (const [name, document] of Object.entries({ ...demo, ...change })) writeFileSync(join(path, name.replace('/', '-')), stringify(document, { aliasDuplicateObjects: false }))
  return path
}
const evil = 'select id, email from public.customers -- \u001b[2J\u202e\r\u0007hidden\nlimit 2'

async function recorded() {
  const world = createWorld()
  const console = createConsole(world)
  await console.sluice(['query', 'shop', 'select id, email from public.customers limit 2', '--purpose', 'why\u001b]0;x\u0007'], { as: support })
  Object.assign(world.events[0] ?? {}, { statements: [{ sql: evil, params: [] }] })       // the engine of these tests reads no comments
  world.clock.ms += 2500
  const session = world.events[0]?.session ?? ''
  const refused = world.events.length
  await console.sluice(['query', 'shop', 'select amount from payroll.salaries'], { as: support })
  Object.assign(world.events[refused] ?? {}, { session })
  const exported = async () => file((await console.sluice(['audit', 'export', '--format', 'ndjson'], { as: auditor })).out)
  return { ...console, session, exported, run: (...args: readonly string[]) => console.sluice(['audit', 'replay', ...args], { as: auditor }) }
}

describe('a session', () => {
  test('is played step by step, with what was hidden to be seen and nothing a terminal would obey', async () => {
    const { run, session } = await recorded()
    const { code, out } = await run(session)
    expect(code).toBe(0)
    expect(out).not.toMatch(/[\u001b\u0007\r\u202e]/)
    for (const text of ['│ select id, email from public.customers -- \\u{1b}[2J\\u{202e}\\r\\u{7}hidden', '│ limit 2', 'decision  permit by support-agent.rules[0], policy ', 'reaches   select public.customers', 'masked    public.customers.email (email)', 'outcome   succeeded, ', 'purpose   why\\u{1b}]0;x', '+2.5 s  refusal', 'because   denied (denied_by_rule)']) expect(out).toContain(text)
    expect(out.split('\n').filter((line) => /^ {2,3}\d/.test(line)).map((line) => line.trim().split(/\s+/)[0])).toEqual(['1', '2', '3'])
  })
  test('of a cluster tells what would change, and all that a command wrote', async () => {
    const long = Array.from({ length: 5000 }, (_, n) => `line ${n}`).join('\n')
    const events = [
      toldOf('intent', { diff: '# of the object with uid u-1, generation 4\n-  replicas: 2\n+  replicas: 5\u001b[2J' }), toldOf('output', { change: { intent: 'evt_x', part: 1, stream: 'stdout', text: `${long}\n\u001b[2J\n` } }), toldOf('output', { id: 'evt_01KAR0V2G00000000000000260', change: { part: 2, stream: 'stderr', base64: '/w==' } }),
      toldOf('outcome', { answered: { status: 200, audit: 'a-1' }, said: { parts: 1, stdout: { bytes: 9 }, exitCode: 3, ended: 'too much\u001b[2J' } }),
    ]
    const { code, out } = await (await recorded()).sluice(['audit', 'replay', String(events[0]?.session), '--from', file(events.map((event) => JSON.stringify(event)).join('\n'))])
    for (const text of ['│ # of the object with uid u-1, generation 4', '│ +  replicas: 5\\u{1b}[2J', '│ line 0\n', '│ line 4999\n', '      stderr (in base64)\n      │ /w==', 'HTTP 200, Audit-ID a-1', 'exitCode 3', 'ended too much\\u{1b}']) expect(out).toContain(text)
    expect([code, out.includes('\u001b')]).toEqual([0, false])
  })
  test('comes out of an exported file the same, without a gate or a token', async () => {
    const { run, session, exported, sluice, sent } = await recorded()
    const [path, online] = [await exported(), await run(session)]
    const before = sent.length
    const offline = await sluice(['audit', 'replay', session, '--from', path])
    expect([offline.code, offline.out, sent.length]).toEqual([0, online.out, before])
  })
  test('has the words of people that lie in their own sessions, in a file', async () => {
    const [request, approval, other] = [toldOf('request'), toldOf('approval'), toldOf('approval', { id: toldOf('start').id, request: 'arq_01KAR0V2G00000000000000001' })]
    const { code, out } = await (await recorded()).sluice(['audit', 'replay', String(request.session), '--from', file([approval, other, request, request].map((event) => JSON.stringify(event)).join('\n')), '--json'])
    expect([code, (JSON.parse(out) as { steps: { kind: string; who: string }[] }).steps.map(({ kind, who }) => [kind, who])]).toEqual([0, [['request', 'agent:support-bot by agent:planner'], ['approval', 'user:sofia@acme.dev']]])
  })
  test('--json is data, escaped, and nothing else', async () => {
    const { run, session } = await recorded()
    const { out, err } = await run(session, '--json')
    expect(out).not.toContain('\u001b')
    expect([err, JSON.parse(out)]).toMatchObject(['', { session, steps: [{ kind: 'intent', statements: [{ sql: evil }] }, { kind: 'outcome' }, { kind: 'refusal', sinceMs: 2500 }] }])
  })
  test('is nobody\'s without the rule, and no other path by its name', async () => {
    const { sluice, session, run, sent } = await recorded()
    expect((await sluice(['audit', 'replay', session], { as: analyst })).code).toBe(2)
    expect((await run(`ses_${'0'.repeat(26)}`)).code).toBe(3)
    const before = sent.length
    for (const name of ['ses_../../v1/policy', 'x', 'ses_?limit=1']) expect((await run(name)).code).toBe(3)
    expect(sent).toHaveLength(before)
  })
  test('of ten thousand events comes whole, part by part', async () => {
    const { world, session, run } = await recorded()
    const [intent] = world.events
    if (!intent) throw new Error('nothing recorded')
    for (let i = 0; i < 10_000; i++) world.events.push({ ...intent, id: world.ports.id('evt') })
    const { out } = await run(session, '--json')
    expect((JSON.parse(out) as { steps: unknown[] }).steps).toHaveLength(10_003)
  })
})

describe('the record under another policy', () => {
  const narrower = { 'roles/support-agent.yaml': { version: 1, kind: 'role', name: 'support-agent', members: [{ group: 'support-agents' }], rules: [{ allow: ['select'], connection: 'shop', on: ['public.orders'] }] } }
  test('says what would change, touches no target, and changes nothing', async () => {
    const { run, world } = await recorded()
    const asked = world.engine.ran.length
    const version = world.pointer()?.version
    const { code, out, err } = await run('--policy', policyDirectory(narrower))
    expect(out).not.toMatch(/[\u001b\r]/)
    expect([code, out.split('\n')[0], err]).toEqual([0, expect.stringMatching(/^- .* agent:support-bot on shop: permit → deny {2}\(evt_/), expect.stringContaining('2 decisions: 1 the same, 1 other, 0 that cannot be told')])
    expect([world.engine.ran.length, world.pointer()?.version]).toEqual([asked, version])
  })
  test('shows masks that would fall, and says what cannot be told', async () => {
    const { run, session } = await recorded()
    const shop = demo['shop.yaml']
    const fallen = await run('--policy', policyDirectory({ 'shop.yaml': { ...shop, classify: { 'public.customers.ssn': 'pii.ssn' }, mask: { '*': 'redact' } } }), session)
    expect(fallen.out).toContain('public.customers.email: email → clear')
    const claims = { 'roles/support-agent.yaml': { ...narrower['roles/support-agent.yaml'], rules: [{ allow: ['select'], connection: 'shop', on: ['public.*'], when: 'claims.level > 2' }] } }
    const unknown = await run('--policy', policyDirectory(claims), '--json')
    expect(JSON.parse(unknown.out)).toMatchObject({ decisions: 2, unknown: 1, events: [{ would: null, cannot: expect.stringContaining('claims.level') }] })
  })
  test('works offline, in a range of time', async () => {
    const { exported, sluice } = await recorded()
    const path = await exported()
    const run = (...more: readonly string[]) => sluice(['audit', 'replay', '--policy', policyDirectory(narrower), '--from', path, ...more])
    expect((await run()).err).toContain('2 decisions')
    expect((await run('--from-time', '2026-11-22T09:00:02Z')).err).toContain('1 decision:')
    expect((await run('--to-time', '2026-11-22')).err).toContain('0 decisions')
    expect((await run('--to-time', 'yesterday')).code).toBe(3)
  })
})

test('a file that is none is said to be, by its line', async () => {
  const { sluice, session } = await recorded()
  const at = (content: string) => sluice(['audit', 'replay', session, '--from', file(content)])
  const good = JSON.stringify(toldOf('intent', { session }))
  for (const [content, words] of [[`${good}\n{"id":`, 'line 2'], ['[]\n', 'line 1'], [`${good}\n{"class_uid":6005}\n`, 'OCSF'], ['', 'no event'], [JSON.stringify({ ...toldOf('intent'), at: 'soon' }), 'cannot be read']] as const) {
    expect(await at(content)).toMatchObject({ code: 3, err: expect.stringContaining(words) })
  }
  expect(await sluice(['audit', 'replay', session, '--from', join(directory, 'nowhere')])).toMatchObject({ code: 3, err: expect.stringContaining('no such file') })
})
/** Somebody who is not the gate writes over one of them: JSON that names it and is no event, or no JSON at all. */
describe('what cannot be read', () => {
  const broken = async () => {
    const at = await recorded()
    const outcome = at.world.events.findIndex(({ kind }) => kind === 'outcome')
    const event = at.world.events[outcome]!
    const { id } = event
    at.world.events[outcome] = { ...event, who: 'nobody', status: 5 } as never
    return { ...at, id }
  }
  test('is named, the rest of its session played, and the replay is not done', async () => {
    const { run, session, id } = await broken()
    const { code, out, err } = await run(session)
    expect([code, out.split('\n').filter((line) => /^ {2,3}\d/.test(line)).length]).toEqual([1, 2])
    expect(err).toContain(`not whole: in the record and cannot be read: ${id}`)
    expect(JSON.parse((await run(session, '--json')).out)).toMatchObject({ steps: [{ kind: 'intent' }, { kind: 'refusal' }], damaged: [id] })
  })
  test('is named where another policy is held against the record, and where a page of it says so', async () => {
    const { run, id, world } = await broken()
    const other = policyDirectory({})
    expect(await run('--policy', other)).toMatchObject({ code: 1, err: expect.stringContaining(`not whole: in the record and cannot be read: ${id}`) })
    const { list } = world.ports.ledger
    Object.assign(world.ports.ledger, { list: async (...page: Parameters<typeof list>) => { const { events, ...rest } = await list(...page); return { ...rest, events: events.filter((event) => event.id !== id), damaged: [id] } } })
    expect(await run('--policy', other)).toMatchObject({ code: 1, err: expect.stringContaining(id) })
    expect(JSON.parse((await run('--policy', other, '--json')).out)).toMatchObject({ decisions: 2, damaged: [id] })
  })
  test('is named out of an export too, and of every page that one is made of', async () => {
    const { sluice, session, exported, id, world } = await broken()
    expect(await sluice(['audit', 'replay', session, '--from', await exported()])).toMatchObject({ code: 1, err: expect.stringContaining(id) })
    const { list } = world.ports.ledger
    let pages = 0
    Object.assign(world.ports.ledger, { list: async (filter: Parameters<typeof list>[0], page: Parameters<typeof list>[1]) => ({ ...await list(filter, { ...page, limit: 1 }), damaged: [`evt_01KAR0V2G0000000000000000${++pages % 10}`] }) })
    const { err } = await sluice(['audit', 'export', '--format', 'ndjson'], { as: auditor })
    expect(pages).toBeGreaterThan(2)
    for (let page = 1; page <= Math.min(9, pages); page++) expect(err).toContain(`cannot be read: evt_01KAR0V2G0000000000000000${page}`)
  })
})
test.each([[[]], [['a', 'b']], [['ses_1', '--from-time', '2026']], [['--policy', '/nowhere']], [['--json']], [['ses_1', '--speed', '2']]])('%j is invalid input', async (args) => {
  expect((await (await recorded()).run(...args)).code).toBe(3)
})
