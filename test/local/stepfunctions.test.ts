import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DescribeExecutionCommand, StopExecutionCommand } from '@aws-sdk/client-sfn'
import { describe, expect, test } from 'vitest'
import { createMachine, settle } from './machine.ts'
import { at, fail, handler, machineEach, steps, succeed, tokens } from './steps.ts'

machineEach()

describe('the way of a request', () => {
  test('people are told, it waits, and after the word the gate proceeds and tells', async () => {
    await at.machine.start('arq_A')
    await at.machine.clock.pass(60_000)
    expect(steps()).toEqual(['announce', 'wait'])
    expect(await at.machine.status('arq_A')).toBe('RUNNING')
    await succeed(tokens()[0])
    await settle()
    expect(steps()).toEqual(['announce', 'wait', 'proceed', 'tell'])
    expect(at.calls.map(({ request }) => request)).toEqual(['arq_A', 'arq_A', 'arq_A', 'arq_A'])
    expect(at.calls.filter(({ step }) => step !== 'wait').every((call) => !('token' in call))).toBe(true)
    expect(await at.machine.client.send(new DescribeExecutionCommand({ executionArn: at.machine.executionArn('arq_A') }))).toMatchObject({ status: 'SUCCEEDED', name: 'arq_A', output: expect.stringContaining('"status":"succeeded"') as string })
  })

  test('when nobody speaks the wait ends with the request\'s time, not before, and the gate proceeds to judge it', async () => {
    await at.machine.start('arq_A', 1_800_000)
    await at.machine.clock.pass(1_799_000)
    expect(steps()).toEqual(['announce', 'wait'])
    await at.machine.clock.pass(1000)
    expect(steps()).toEqual(['announce', 'wait', 'proceed', 'tell'])
  })

  test('a request that is still pending when the gate looks is waited for again', async () => {
    let looks = 0
    at.does = { proceed: () => ({ status: looks++ === 0 ? 'pending' : 'expired' }) }
    await at.machine.start('arq_A', 10_000)
    await at.machine.clock.pass(10_000)
    expect(steps()).toEqual(['announce', 'wait', 'proceed', 'wait'])
    await at.machine.clock.pass(1000)
    expect(steps()).toEqual(['announce', 'wait', 'proceed', 'wait', 'proceed', 'tell'])
  })

  test('one that stays pending for ever ends after its rounds', async () => {
    at.does = { proceed: () => ({ status: 'pending' }) }
    await at.machine.start('arq_A', 1)
    await at.machine.clock.pass(3_600_000)
    expect(steps().filter((step) => step === 'wait')).toHaveLength(50)
    expect(steps().at(-1)).toBe('tell')
  })

  test('messages that cannot be sent hold nothing up, before or after', async () => {
    at.does = { announce: fail('Fault'), tell: fail('Fault') }
    await at.machine.start('arq_A')
    await at.machine.clock.pass(120_000)
    expect(steps().filter((step) => step === 'announce')).toHaveLength(4)
    expect(steps().at(-1)).toBe('wait')
    await succeed(tokens()[0])
    await at.machine.clock.pass(600_000)
    expect(steps().filter((step) => step === 'tell')).toHaveLength(6)
    expect(await at.machine.status('arq_A')).toBe('SUCCEEDED')
  })

  test('a wait that cannot begin is tried again with another token, then left to the gate, then begun again', async () => {
    at.does = { wait: fail('Fault'), proceed: () => ({ status: 'pending' }) }
    await at.machine.start('arq_A')
    await at.machine.clock.pass(250_000)
    expect(steps().slice(0, 12)).toEqual(['announce', ...Array<string>(9).fill('wait'), 'proceed', 'wait'])
    expect(new Set(tokens()).size).toBe(tokens().length)
    expect(tokens().length).toBeGreaterThan(9)
  })

  test('a step that fails whatever is tried is come back to', async () => {
    at.does = { proceed: fail('Fault') }
    await at.machine.start('arq_A')
    await settle()
    await succeed(tokens()[0])
    await at.machine.clock.pass(400_000)
    at.does = {}
    await succeed(tokens()[1])
    await settle()
    expect(steps().slice(-3)).toEqual(['wait', 'proceed', 'tell'])
  })

  test('a throttled call is tried by its own rule, later each time', async () => {
    const moments: number[] = []
    at.does = { announce: () => { moments.push(at.machine.clock.time.now()); return fail('TooManyRequestsException')() } }
    await at.machine.start('arq_A')
    await at.machine.clock.pass(100_000)
    expect(moments.map((moment, i) => moment - (moments[i - 1] ?? moment))).toEqual([0, 2000, 6000, 18_000])
  })
})

describe('functions', () => {
  test('one that never comes back is given up, told so, and tried again', async () => {
    let told = 0
    at.does = { announce: (_, signal) => new Promise(() => { signal.addEventListener('abort', () => { told++ }) }) }
    await at.machine.start('arq_A')
    await at.machine.clock.pass(59_000)
    expect(steps()).toEqual(['announce'])
    await at.machine.clock.pass(600_000)
    expect(steps().at(-1)).toBe('wait')
    expect(steps().filter((step) => step === 'announce')).toHaveLength(4)
    expect(told).toBeGreaterThan(0)
  })

  test('one that says no word the machine knows is asked again', async () => {
    let times = 0
    at.does = { proceed: () => ({ status: times++ === 0 ? undefined : 'approved-and-more', other: () => 1 }), wait: ({ token }) => { if (tokens().length > 1 && times < 3) void succeed(token) } }
    await at.machine.start('arq_A')
    await settle()
    await succeed(tokens()[0])
    await at.machine.clock.pass(1)
    expect(steps().slice(0, 7)).toEqual(['announce', 'wait', 'proceed', 'wait', 'proceed', 'wait', 'proceed'])
    expect(steps()).not.toContain('tell')
  })

  test('at most so many are called at once, and one whose turn comes too late is not called', async () => {
    await at.machine.gone()
    at.machine = await createMachine(handler, { concurrency: 2 })
    let busy = 0
    let most = 0
    const open: (() => void)[] = []
    at.does = { announce: async () => { most = Math.max(most, ++busy); await new Promise<void>((resolve) => { open.push(resolve) }); busy-- } }
    for (const name of ['a', 'b', 'c', 'd']) await at.machine.start(name)
    await settle()
    expect([busy, at.calls.length]).toEqual([2, 2])
    await at.machine.client.send(new StopExecutionCommand({ executionArn: at.machine.executionArn('c') }))
    for (let i = 0; i < 4; i++) { for (const release of open.splice(0)) release(); await settle() }
    expect(most).toBe(2)
    expect(at.calls.filter(({ step }) => step === 'announce').map(({ request }) => request)).toEqual(['a', 'b', 'd'])
  })
})

describe('what is damaged is said, not guessed', () => {
  test('a cut document, a changed definition, a key of another length, a file that is none', async () => {
    await at.machine.start('arq_A')
    await settle()
    await at.machine.down()
    const damaged = async (text: string, back: string, words: RegExp) => {
      at.machine.sql(text)
      await expect(at.machine.up()).rejects.toThrow(words)
      at.machine.sql(back)
    }
    await damaged("UPDATE execution SET document = document || '}'", 'UPDATE execution SET document = substr(document, 1, length(document) - 1)', /the requests that wait, in `.*`, cannot be read/)
    await damaged(`UPDATE definition SET text = replace(text, '"wait"', '"proceed"')`, `UPDATE definition SET text = replace(text, '"step":"proceed","request":"{% $states.input.request %}","token"', '"step":"wait","request":"{% $states.input.request %}","token"')`, /damaged/)
    await damaged('CREATE TABLE old AS SELECT * FROM key; UPDATE key SET bytes = x\'00\'', 'UPDATE key SET bytes = (SELECT bytes FROM old); DROP TABLE old', /damaged/)
    await at.machine.up()
    await succeed(tokens()[0])
    await at.machine.down()
    const file = join(at.machine.directory, 'executions.db')
    const whole = readFileSync(file)
    writeFileSync(file, Buffer.alloc(whole.length, 1))
    await expect(at.machine.up()).rejects.toThrow(/the requests that wait, in `.*`, cannot be read/)
    writeFileSync(file, whole)
    await at.machine.up()
  })
})
