import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { auditor, platform, support } from '../support/caller.ts'
import { demo } from '../support/policy.ts'
import { createWorld } from '../support/ports.ts'
import { createConsole } from './console.ts'

const directory = mkdtempSync(join(tmpdir(), 'sluice-cli-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))
function writePolicy(name: string, documents: Readonly<Record<string, unknown>>): string {
  const path = mkdtempSync(join(directory, name))
  for (const [file, document] of Object.entries(documents)) writeFileSync(join(path, file.replace('/', '-')), stringify(document, { aliasDuplicateObjects: false }))
  return path
}

describe('query', () => {
  test('rows go out, words go beside, a masked column is named', async () => {
    const { code, out, err } = await createConsole().sluice(['query', 'shop', 'select id, name, email from public.customers order by id limit 2'], { as: support })
    expect(code).toBe(0)
    expect(out).toMatch(/^id\s+name\s+email\n/)
    expect(out).toContain('Ann \\u{1b}[31mRed')
    expect(out).not.toContain('\u001b')
    expect(err).toMatch(/2 rows\nmasked: email \(pii\.email, email\)\nevaluation eval_/)
  })
  test('--json is the answer as it came, and nothing else on standard output', async () => {
    const { code, out } = await createConsole().sluice(['query', 'shop', 'select id from public.orders', '--json'], { as: support })
    expect([code, JSON.parse(out)]).toMatchObject([0, { rowCount: 2 }])
  })
  test('parameters keep their order whichever way they are written', async () => {
    const { sluice, sent } = createConsole()
    await sluice(['query', 'shop', 'select $1', '--param', 'a', '--param-json=null', '--param=-5', '--param-json', '{"x":[1]}', '--purpose', 'why', '--reveal', 'pii.email', '--max-rows', '3'], { as: support })
    expect(JSON.parse(String(sent[0]?.init.body))).toEqual({ sql: 'select $1', params: ['a', null, '-5', { x: [1] }], purpose: 'why', reveal: ['pii.email'], maxRows: 3 })
  })
  test('a file, standard input, a transaction', async () => {
    const { sluice, sent } = createConsole()
    const file = join(directory, 'q.sql')
    writeFileSync(file, 'select id from public.orders')
    await sluice(['query', 'shop', '--file', file], { as: support })
    await sluice(['query', 'shop', '--file', '-'], { as: support, input: 'select id from public.refunds' })
    await sluice(['query', 'shop', '--transaction', 'select id from public.orders', 'select id from public.refunds'], { as: support })
    await sluice(['query', 'shop', '--transaction', '--file', '-'], { as: support, input: '[{"sql":"select id from public.orders where id = $1","params":[1]}]' })
    expect(sent.map(({ init }) => JSON.parse(String(init.body)))).toEqual([
      { sql: 'select id from public.orders' }, { sql: 'select id from public.refunds' }, { transaction: [{ sql: 'select id from public.orders' }, { sql: 'select id from public.refunds' }] },
      { transaction: [{ sql: 'select id from public.orders where id = $1', params: [1] }] },
    ])
  })
  test('a connection name cannot become another path', async () => {
    const { sluice, sent } = createConsole()
    await sluice(['query', '../../v1/policy?x=', 'select 1'], { as: support })
    expect(sent[0]?.url).toBe('http://127.0.0.1:8787/v1/connections/..%2F..%2Fv1%2Fpolicy%3Fx%3D/query')
  })
})

describe('exit codes', () => {
  test.each([
    [2, ['query', 'shop', 'select salary from payroll.salaries']], [2, ['query', 'shop', 'begin']], [2, ['audit', 'list']], [3, ['query', 'shop', 'selekt']], [3, ['query', 'nowhere', 'select 1']],
    [3, ['query', 'shop', '']], [3, ['query', 'shop']], [3, ['query']], [3, ['query', 'shop', 'select 1', 'select 2']], [3, ['query', 'shop', 'select 1', '--nonsense']], [3, ['query', 'shop', 'select 1', '--max-rows', 'many']],
    [3, ['query', 'shop', 'select 1', '--param-json', '{']], [3, ['query', 'shop', '--file', '/no/such/file']], [3, ['nonsense']], [3, ['toString']], [3, ['policy', 'nonsense', '.']], [3, ['policy', 'check', '/no/such']], [3, ['lock', 'a', 'b']], [3, []],
    [0, ['explain', 'shop', 'select id from public.orders']], [2, ['explain', 'shop', 'select salary from payroll.salaries']], [4, ['explain', 'shop', 'insert into public.refunds (id) values (1)']], [0, ['me']], [0, ['--help']], [0, ['help', 'query']],
  ])('%i for %j', async (code, args) => {
    const ended = await createConsole().sluice(args, { as: support })
    expect(ended.code, ended.err).toBe(code)
    if (code !== 0 && code !== 4 && args[0] !== 'explain' && args.length > 0) expect(ended.out).toBe('')
  })
  test('1 where the gate cannot, and it says whether to try again', async () => {
    const console = createConsole()
    console.world.broken.add('ledger')
    const { code, err } = await console.sluice(['query', 'shop', 'select id from public.orders'], { as: support })
    expect(code).toBe(1)
    expect(err).toContain('The same call may be sent again later.')
  })
  test('without a token: 2, and how to get one', async () => {
    const { code, err } = await createConsole().sluice(['me'])
    expect(code).toBe(2)
    expect(err).toMatch(/sluice login|sluice token/)
  })
})

describe('a token is not carried where it may be read', () => {
  test.each(['http://gate.acme.dev', 'ftp://gate', 'not a url', 'http://127.0.0.1.evil.dev', 'http://localhost.evil.dev'])('%s is refused', async (url) => {
    const console = createConsole()
    const { code } = await console.sluice(['me'], { as: support, env: { SLUICE_URL: url } })
    expect([code, console.sent]).toEqual([3, []])
  })
  test('no redirect is followed', async () => {
    const console = createConsole()
    await console.sluice(['me'], { as: support })
    expect(console.sent[0]?.init.redirect).toBe('error')
  })
  test('a token with a line end makes no second header', async () => {
    const { code } = await createConsole().sluice(['me'], { env: { SLUICE_TOKEN: 'a\r\nx-evil: 1' } })
    expect(code).toBe(3)
  })
})

test('every command has help worth reading, and prints it without a gate', async () => {
  const console = createConsole()
  const { out } = await console.sluice(['--help'])
  for (const name of ['login', 'token', 'me', 'connections', 'schema', 'query', 'explain', 'policy', 'audit', 'lock', 'unlock']) {
    expect(out).toContain(`  ${name}`)
    const help = await console.sluice([name, '--help'])
    expect([help.code, help.out.startsWith('sluice '), help.err]).toEqual([0, true, ''])
  }
  expect(console.sent).toEqual([])
})

test('colours only where the terminal takes them', async () => {
  const denied = ['query', 'shop', 'select salary from payroll.salaries']
  expect((await createConsole().sluice(denied, { as: support })).err).not.toContain('\u001b')
  expect((await createConsole().sluice(denied, { as: support, color: true })).err).toContain('\u001b[1m')
})

test('the audit reads as a table and as events, and says where it goes on', async () => {
  const console = createConsole()
  for (let i = 0; i < 3; i++) await console.sluice(['query', 'shop', 'select salary from payroll.salaries'], { as: support })
  const page = await console.sluice(['audit', 'list', '--kind', 'refusal', '--limit', '2'], { as: auditor })
  expect(page.out).toMatch(/refusal\s+agent:support-bot\s+shop\s+denied \(denied_by_rule\): select salary/)
  const after = /--after (\S+)/.exec(page.err)?.[1] ?? ''
  const rest = await console.sluice(['audit', 'list', '--kind', 'refusal', '--limit', '2', '--after', after, '--json'], { as: auditor })
  const { events } = JSON.parse(rest.out) as { events: { id: string }[] }
  expect(events).toHaveLength(1)
  const one = await console.sluice(['audit', 'show', events[0]?.id ?? ''], { as: auditor })
  expect(JSON.parse(one.out)).toMatchObject({ kind: 'refusal', statements: [{ sql: 'select salary from payroll.salaries' }] })
})

test('lock, list, unlock', async () => {
  const console = createConsole()
  expect((await console.sluice(['lock', 'subject:agent:support-bot', '--until', '2099-01-01T00:00:00Z', '--reason', 'odd \u001b[2J'], { as: platform })).code).toBe(0)
  const listed = await console.sluice(['lock'], { as: platform })
  expect(listed.out).toMatch(/subject:agent:support-bot\s+user:pia@acme.dev/)
  expect(listed.out).not.toContain('\u001b')
  expect((await console.sluice(['unlock', 'subject:agent:support-bot'], { as: platform })).code).toBe(0)
  expect((await console.sluice(['unlock', 'subject:agent:support-bot'], { as: platform })).code).toBe(3)
  expect((await console.sluice(['lock', 'everything', '--for', 'soon'], { as: platform })).code).toBe(3)
})

describe('policy', () => {
  const payer = { version: 1, kind: 'role', name: 'payer', members: [{ group: 'support-agents' }], rules: [{ allow: ['select'], connection: 'shop', on: ['public.payments'] }] }
  test('check says file, line, column and fix', async () => {
    const path = writePolicy('bad', { 'a.yaml': { ...payer, rules: [{ alow: ['select'], connection: 'shop', on: ['public.x'] }] } })
    const { code, out } = await createConsole().sluice(['policy', 'check', path])
    expect(code).toBe(3)
    expect(out).toMatch(/a\.yaml:\d+:\d+: error: unknown key `alow`; did you mean `allow`\?/)
  })
  test('plan, apply, pull come round', async () => {
    const console = createConsole()
    const path = writePolicy('good', { ...demo, 'payer.yaml': payer })
    const planned = await console.sluice(['policy', 'plan', path], { as: platform })
    expect([planned.code, planned.out]).toEqual([0, expect.stringContaining('payer')])
    const from = /--from ([0-9a-f]{64})/.exec(planned.err)?.[1] ?? ''
    expect((await console.sluice(['policy', 'apply', path, '--from', from, '--commit', 'abc'], { as: platform })).code).toBe(0)
    expect((await console.sluice(['policy', 'apply', path, '--from', from], { as: platform })).code).toBe(1)
    console.world.clock.ms += 2001
    const target = join(directory, 'pulled')
    expect((await console.sluice(['policy', 'pull', target], { as: platform })).code).toBe(0)
    expect(readFileSync(join(target, 'payer.yaml'), 'utf8')).toContain('public.payments')
    expect((await console.sluice(['policy', 'pull', target], { as: platform })).code).toBe(1)
    expect((await console.sluice(['policy', 'pull', target, '--force'], { as: platform })).code).toBe(0)
  })
  test('an unsound policy is not sent', async () => {
    const console = createConsole()
    const path = writePolicy('unsound', { 'a.yaml': { version: 1 } })
    expect((await console.sluice(['policy', 'apply', path], { as: platform })).code).toBe(3)
    expect(console.sent).toEqual([])
  })
  test('--bootstrap goes past the gate, once', async () => {
    const console = createConsole(createWorld(null))
    const path = writePolicy('first', demo)
    expect((await console.sluice(['policy', 'apply', path, '--bootstrap'])).code).toBe(0)
    const again = await console.sluice(['policy', 'apply', path, '--bootstrap'])
    expect([again.code, console.sent, console.bootstrapped.length]).toEqual([1, [], 2])
    expect(again.err).toContain('in force already')
  })
  test('without a policy, the gate says what to do', async () => {
    const { code, err } = await createConsole(createWorld(null)).sluice(['me'], { as: support })
    expect(code).toBe(1)
    expect(err).toContain('--bootstrap')
  })
})

test('schema and connections show what the caller may see', async () => {
  const console = createConsole()
  expect((await console.sluice(['connections'], { as: support })).out).toMatch(/shop\s+postgres/)
  const { out } = await console.sluice(['schema', 'shop'], { as: support })
  expect(out).toMatch(/public\.refunds\s+select, insert \(asks\), update \(asks\)/)
  expect(out).toMatch(/email\s+text\s+pii\.email, masked: email/)
  expect(out).not.toContain('salaries')
  const me = await console.sluice(['me'], { as: { ...support, actor: 'agent:support-bot' } })
  expect(me.code).toBe(0)
  const mine = (await console.sluice(['me'], { as: support })).out
  expect(mine).toMatch(/shop \(postgres\)\n  may select on public\.orders/)
  expect(mine).toMatch(/insert, update on public\.refunds after 1 of support-leads said yes \[support-agent\.rules\[1\]\]/)
})
