import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import { keyOf } from '../../functions/aws/event.ts'
import { tables } from '../../schema/item.ts'
import { createGateway, auditor, support } from '../support/caller.ts'
import { createSealedWorld, eraser, type SealedWorld } from '../support/sealed.ts'

/** What a caller wrote, in every place there is: before its key is destroyed it can be read, after it nowhere, and the log verifies both times. */
const canary = 'canary-5f2b9c71'
const statement = `select id, name from public.customers where name = '${canary}-sql'`
const scratch = mkdtempSync(join(tmpdir(), 'sluice-erasure-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

const packages = '/usr/share/gocode'
const go = existsSync(`${packages}/src/golang.org/x/mod/sumdb/note/note.go`) && spawnSync('go', ['version']).status === 0
const program = join(scratch, 'check')
function goVerifies(directory: string): boolean {
  if (!existsSync(program)) {
    const built = spawnSync('go', ['build', '-o', program, '.'], { cwd: join(import.meta.dirname, 'go'), encoding: 'utf8', env: { PATH: process.env['PATH'], HOME: scratch, GOCACHE: join(tmpdir(), `sluice-go-${process.getuid?.() ?? 0}`), GO111MODULE: 'off', GOPATH: packages, GOPROXY: 'off', GOFLAGS: '' } })
    if (built.status !== 0) throw new Error(built.stderr)
  }
  return spawnSync(program, ['verify', directory]).status === 0
}
const filesIn = (directory: string): string => readdirSync(directory, { recursive: true, encoding: 'utf8' }).map((name) => join(directory, name)).filter((path) => statSync(path).isFile()).map((path) => readFileSync(path, 'latin1')).join('\n')

describe('erasure', () => {
  let world: SealedWorld
  beforeEach(async () => { world = await createSealedWorld() })
  afterEach(() => world.rig.close())
  let exports = 0
  async function exported(): Promise<string> {
    await world.sequencer.reconcile()
    const directory = join(scratch, `log-${exports++}`)
    expect((await world.sluice(['audit', 'export', '--log', directory, '--content'], { as: auditor })).code).toBe(0)
    return directory
  }
  const verified = (directory: string) => world.sluice(['audit', 'verify', directory], {})
  async function ask(sql = statement, session: string | null = null): Promise<string> {
    const agent = await createGateway(world.world).as(support)
    const reply = await agent.call('POST', '/v1/connections/shop/query', { sql, purpose: `${canary}-purpose` }, session === null ? {} : { 'sluice-session': session })
    return reply.headers.get('sluice-session') ?? ''
  }
  const everywhere = async (session: string, directory: string) => [
    (await world.sluice(['audit', 'list', '--json'], { as: auditor })).out,
    (await world.sluice(['audit', 'replay', session, '--json'], { as: auditor })).out,
    (await world.sluice(['audit', 'export', '--format', 'ndjson'], { as: auditor })).out,
    (await world.sluice(['audit', 'export', '--format', 'ocsf'], { as: auditor })).out,
    filesIn(directory),
  ]

  test('destroys the key: nothing of the content is left anywhere, and the log verifies here and in the eyes of Go', async () => {
    const session = await ask()
    const before = await exported()
    for (const place of await everywhere(session, before)) expect(place).toContain(canary)
    expect((await verified(before)).err).toMatch(/contents that are what the log committed to/)

    expect(await world.sluice(['audit', 'erase', session, '--yes'], { as: eraser })).toMatchObject({ code: 0, err: expect.stringContaining('destroyed') })
    const after = await exported()
    for (const place of await everywhere(session, after)) expect(place).not.toContain(canary)
    const { code, err } = await verified(after)
    expect([code, err]).toMatchObject([0, expect.stringMatching(/\d+ erased[^,]*$|\d+ erased,/m)])
    expect(err).not.toMatch(/by no erasure/)
    expect((await world.sluice(['audit', 'replay', session], { as: auditor })).code).toBe(0)
    if (go) expect([goVerifies(before), goVerifies(after)]).toEqual([true, true])
    else console.log('skipped: Go\'s own packages want apt-get install -y golang-go golang-golang-x-mod-dev')
  })

  test('what the same session says after its erasure can be read, is on record whole, and goes with the next one', async () => {
    const session = await ask()
    expect((await world.sluice(['audit', 'erase', session, '--yes'], { as: eraser })).code).toBe(0)
    await ask(`select id from public.customers where name = '${canary}-after'`, session)
    const { out } = await world.sluice(['audit', 'replay', session], { as: auditor })
    expect(out).toContain(`${canary}-after`)
    expect(out).not.toContain(`${canary}-sql`)
    expect((await world.sluice(['audit', 'erase', session, '--yes'], { as: eraser })).err).toContain('1 key is destroyed')
    expect((await world.sluice(['audit', 'replay', session], { as: auditor })).out).not.toContain(canary)
    expect((await verified(await exported())).code).toBe(0)
  })

  test('nothing of the content is ever in the store in clear, nor in the log, erased or not', async () => {
    await ask()
    const agent = await createGateway(world.world).as(support)
    await agent.call('POST', '/v1/connections/shop/explain', { sql: statement, purpose: `${canary}-purpose` })
    await agent.call('POST', '/v1/connections/shop/query', { sql: `select '${canary}' from nowhere.at_all` })
    await agent.call('POST', '/v1/connections/shop/query', { sql: `not sql at all ${canary}` })
    await world.sequencer.reconcile()
    expect(await world.bytesOf('audit')).toMatch(/evt_/)
    expect(await world.bytesOf('audit')).not.toContain(canary)
    for (const bytes of world.memory.objects.values()) expect(Buffer.from(bytes).toString('latin1')).not.toContain(canary)
  })

  test('who may read the audit may not erase, and who may erase may not read', async () => {
    const session = await ask()
    expect((await world.sluice(['audit', 'erase', session, '--yes'], { as: auditor })).code).toBe(2)
    expect((await world.sluice(['audit', 'erase', session, '--yes'], { as: support })).code).toBe(2)
    expect((await world.sluice(['audit', 'list'], { as: eraser })).code).toBe(2)
    expect((await world.sluice(['audit', 'list', '--json'], { as: auditor })).out).toContain(canary)
  })

  test('who, whose and which keys is on record before the first key goes, and nothing goes where that cannot be stored', async () => {
    const session = await ask()
    const held = await world.bytesOf('keys')
    world.rig.break({ before: 'error' }, { operation: 'PutItem' })
    expect((await world.sluice(['audit', 'erase', session, '--yes'], { as: eraser })).code).toBe(1)
    world.rig.heal()
    expect(await world.bytesOf('keys')).toBe(held)

    world.rig.break({ before: 'error' }, { operation: 'UpdateItem' })
    expect((await world.sluice(['audit', 'erase', session, '--yes'], { as: eraser })).code).toBe(1)
    world.rig.heal()
    const { events } = JSON.parse((await world.sluice(['audit', 'list', '--kind', 'erasure', '--json'], { as: auditor })).out) as { events: { who: { subject: string }; change: { session: string; keys: string[] } }[] }
    expect(events[0]).toMatchObject({ who: { subject: eraser.subject }, change: { session, keys: [expect.stringMatching(/^2026-11-22\.[\w-]{16}\.\d+$/)] } })
    expect(await world.bytesOf('keys')).toBe(held)
  })

  test('an event of it that somebody wrote over keeps nothing else from being erased, nor from being listed, and is told by its id', async () => {
    const session = await ask()
    const id = world.world.ports.id('evt')
    await world.rig.dynamo('PutItem', { TableName: tables.audit.name, Item: { ...keyOf(id), event: { S: '{' }, kind: { S: 'intent' }, session: { S: session } } })
    const erased = await world.sluice(['audit', 'erase', session, '--yes', '--json'], { as: eraser })
    expect(erased).toMatchObject({ code: 0, err: expect.stringContaining(id) })
    expect(JSON.parse(erased.out)).toMatchObject({ erased: 1, damaged: [id] })
    const listed = await world.sluice(['audit', 'list', '--kind', 'erasure', '--json'], { as: auditor })
    expect(JSON.parse(listed.out)).toMatchObject({ events: [{ change: { session, keys: [expect.any(String)], damaged: [id] } }] })
    const all = await world.sluice(['audit', 'list'], { as: auditor })
    expect(all).toMatchObject({ code: 0, err: expect.stringContaining(`cannot be read: ${id}`) })
    expect((await world.sluice(['audit', 'replay', session, '--json'], { as: auditor })).out).not.toContain(canary)
  })

  test('run again after it broke off it does the rest, and run twice it does no harm', async () => {
    const session = await ask()
    await world.other().ledger.append((await world.raw.ledger.list({ session }, { limit: 1, after: null })).events.map((event) => ({ ...event, id: world.world.ports.id('evt'), kind: 'explain' as const, change: { statements: [canary], purpose: null }, content: undefined }))[0] as never)
    world.rig.break({ before: 'error' }, { operation: 'UpdateItem', skip: 1 })
    expect((await world.sluice(['audit', 'erase', session, '--yes'], { as: eraser })).code).toBe(1)
    world.rig.heal()
    expect((await world.sluice(['audit', 'replay', session, '--json'], { as: auditor })).out).toContain(canary)
    expect((await world.sluice(['audit', 'erase', session, '--yes', '--json'], { as: eraser })).out).toMatch(/"erased": 1/)
    expect((await world.sluice(['audit', 'replay', session, '--json'], { as: auditor })).out).not.toContain(canary)
    expect((await world.sluice(['audit', 'erase', session, '--yes'], { as: eraser })).err).toContain('nothing left')
  })

  test('another session stays readable, also one of the same caller and hour', async () => {
    const [mine, other] = [await ask(), await ask(statement.replaceAll(canary, 'somebody-else'))]
    await world.sluice(['audit', 'erase', mine, '--yes'], { as: eraser })
    expect((await world.sluice(['audit', 'replay', other, '--json'], { as: auditor })).out).toContain('somebody-else-sql')
    expect((await world.sluice(['audit', 'replay', mine, '--json'], { as: auditor })).out).not.toContain(`${canary}-sql`)
  })

  test('of a subject everything before a time goes, and what came later stays', async () => {
    const early = await ask()
    world.world.clock.ms += 3 * 3_600_000
    const late = await ask(statement.replaceAll(canary, 'later'))
    const before = new Date(world.world.clock.ms - 3_600_000).toISOString()
    expect((await world.sluice(['audit', 'erase', '--subject', support.subject, '--before', before, '--yes'], { as: eraser })).code).toBe(0)
    expect((await world.sluice(['audit', 'replay', early, '--json'], { as: auditor })).out).not.toContain(canary)
    expect((await world.sluice(['audit', 'replay', late, '--json'], { as: auditor })).out).toContain('later-sql')
  })

  test('where the keys do not answer nothing is executed, and nothing is said to be erased', async () => {
    const session = await ask()
    const runs = world.world.engine.ran.length
    world.rig.break({ before: 'error' }, { operation: 'GetItem' })
    expect((await world.sluice(['audit', 'list'], { as: auditor })).code).toBe(1)
    world.rig.heal()
    world.world.clock.ms += 2 * 3_600_000                          // another sheet is due
    world.rig.break({ before: 'error' }, { operation: 'PutItem' })
    const agent = await createGateway(world.world).as(support)
    expect((await agent.call('POST', '/v1/connections/shop/query', { sql: statement })).json).toMatchObject({ status: 503, type: '/problems/audit-unavailable' })
    world.rig.heal()
    expect(world.world.engine.ran.length).toBe(runs)
    expect((await world.sluice(['audit', 'replay', session, '--json'], { as: auditor })).out).toContain(canary)
  })

  test('asks before it destroys, and refuses what is neither a session nor a subject', async () => {
    const session = await ask()
    expect((await world.sluice(['audit', 'erase', session], { as: eraser })).code).toBe(3)
    expect((await world.sluice(['audit', 'erase', session], { as: eraser, ask: async () => 'no' })).code).toBe(3)
    expect((await world.sluice(['audit', 'erase', session], { as: eraser, ask: async () => 'erase' })).code).toBe(0)
    for (const wrong of [['ses_x'], ['--subject', 'user:x'], ['--subject', 'nobody', '--before', '2026-11-22'], ['--subject', 'user:x', '--before', 'yesterday'], [session, '--subject', 'user:x', '--before', '2026-11-22']]) {
      expect((await world.sluice(['audit', 'erase', ...wrong, '--yes'], { as: eraser })).code, wrong.join(' ')).toBe(3)
    }
  })

  test('a forged or moved ciphertext is told as damaged, and hides nothing else', async () => {
    const session = await ask()
    const { events } = await world.raw.ledger.list({ session }, { limit: 10, after: null })
    const [first, second] = events.filter(({ content }) => content !== undefined)
    const key = { pk: { S: '' }, sk: { S: first!.id } }
    for (const shard of '0123456789abcdef') {
      const pk = { S: `2026-11-22#${shard}` }
      const { Item: item } = await world.rig.dynamo('GetItem', { TableName: 'sluice-audit', Key: { pk, sk: { S: first!.id } } })
      if (!item) continue
      Object.assign(key, { pk })
      await world.rig.dynamo('PutItem', { TableName: 'sluice-audit', Item: { ...item, event: { S: JSON.stringify({ ...first, content: { ...second?.content ?? first!.content, text: second?.content?.text ?? 'AAAA' } }) } } })
    }
    expect(key.pk.S).not.toBe('')
    const shown = (await world.sluice(['audit', 'replay', session, '--json'], { as: auditor })).out
    expect((await world.sluice(['audit', 'list', '--session', session, '--json'], { as: auditor })).out).toContain('"damaged"')
    expect(shown).toContain('intent')
  })
})
