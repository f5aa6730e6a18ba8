import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { createApp } from '../../functions/app.ts'
import { createHints } from '../../functions/hint.ts'
import { numbered } from '../../functions/numbering.ts'
import type { Requests } from '../../functions/ports.ts'
import { createSequencer } from '../../functions/sequence.ts'
import { auditor, createGateway, support } from '../support/caller.ts'
import { createMemoryLog } from '../support/log.ts'
import { createWorld } from '../support/ports.ts'
import { createConsole } from './console.ts'

const scratch = mkdtempSync(join(tmpdir(), 'sluice-promise-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

/** A gate with a log, that promises; `lose`: which of its events never come into the log, as if somebody had taken them out of the ledger. */
async function played(lose: (kind: string, n: number) => boolean) {
  const world = createWorld()
  world.clock.ms = Date.now() - 40 * 60_000                      // what is promised is due by now
  const memory = createMemoryLog()
  const counted = numbered({ ledger: world.ports.ledger, requests: {} as Requests }, world.ports)
  Object.assign(world.ports, { ledger: counted.ledger, promise: counted.promise, log: memory.log })
  const app = createApp(world.ports)
  const agent = await createGateway(world, app).as(support)
  const promises: string[] = []
  for (const sql of ['select id from public.orders', 'select salary from payroll.salaries', 'select id, status from public.orders']) {
    const { headers } = await agent.call('POST', '/v1/connections/shop/query', { sql })
    promises.push(headers.get('sluice-promise') ?? 'none')
  }
  const hints = createHints()
  const sequencer = createSequencer({ ...world.ports, log: memory.log }, hints)
  for (const [n, event] of world.events.entries()) if (!lose(event.kind, n)) hints.hint(event)
  await sequencer.round()
  const console = createConsole(world, app)
  const directory = mkdtempSync(join(scratch, 'log-'))
  expect((await console.sluice(['audit', 'export', '--log', directory], { as: auditor })).code).toBe(0)
  const file = `${directory}.promises`
  writeFileSync(file, `${promises.join('\n')}\n`)
  const verify = (...more: readonly string[]) => console.sluice(['audit', 'verify', directory, '--vkey', readFileSync(join(directory, 'vkey'), 'utf8').trim(), ...more])
  return { world, directory, file, promises, verify }
}

test('what an agent kept of the answers it got is in the log that the auditor has', async () => {
  const { verify, file, promises } = await played(() => false)
  expect(promises).not.toContain('none')
  expect(await verify('--promise', file)).toMatchObject({ code: 0, err: expect.stringContaining('3 promises kept\n') })
})
test('an answer whose event never came into the log is named, by the one thing the agent kept', async () => {
  const { verify, file, world } = await played((kind) => kind === 'refusal')
  const refusal = world.events.find(({ kind }) => kind === 'refusal')
  const { code, err } = await verify('--promise', file)
  expect(code).toBe(1)
  expect(err).toContain(`(${refusal?.id}) \`promise\`: it was promised to be in the log by `)
  expect(err).toContain('2 promises kept\n')
})
test('what is no promise, no witness or no age is said at once', async () => {
  const { verify, file } = await played(() => false)
  writeFileSync(file, 'v1.x\n')
  expect(await verify('--promise', file)).toMatchObject({ code: 3, err: expect.stringContaining('line 1: not a promise') })
  expect(await verify('--promise', '/nowhere')).toMatchObject({ code: 3 })
  expect(await verify('--quorum', '1')).toMatchObject({ code: 3, err: expect.stringContaining('name them with --witness') })
  expect(await verify('--witness', 'x')).toMatchObject({ code: 3, err: expect.stringContaining('--witness: not a verifier key') })
})
test('witnesses are demanded by name, number and age', async () => {
  const { verify, directory } = await played(() => false)
  const [state, key, out] = ['state', 'key', 'out'].map((name) => `${directory}.${name}`) as [string, string, string]
  const vkey = readFileSync(join(directory, 'vkey'), 'utf8').trim()
  const { err } = await createConsole().sluice(['audit', 'witness', '--log', directory, '--vkey', vkey, '--state', state, '--key', key, '--out', out])
  const witness = /(\S+\+[0-9a-f]{8}\+\S+)\n$/.exec(err)?.[1] ?? ''
  expect(await verify('--witness', witness, '--checkpoint', out, '--max-age', '1h')).toMatchObject({ code: 0, err: expect.stringContaining('1 of 1 witnesses cosigned this checkpoint\n') })
  expect(await verify('--witness', witness)).toMatchObject({ code: 1, err: expect.stringContaining('sluice-witness has not cosigned this tree') })
  expect(await verify('--witness', vkey, '--checkpoint', out)).toMatchObject({ code: 3, err: expect.stringContaining('of a cosignature') })
  for (const [flag, value] of [['--quorum', '2'], ['--quorum', '0'], ['--max-age', 'soon']] as const) expect(await verify('--witness', witness, '--checkpoint', out, flag, value), value).toMatchObject({ code: 3 })
})
