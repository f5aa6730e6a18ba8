import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { approve, browserHere, reader, shoot, signIn, startRig, words, type Rig } from './rig.ts'

describe.skipIf(!browserHere)('a command on a host, in a real browser', () => {
  let rig: Rig
  beforeAll(async () => { rig = await startRig() })
  afterAll(() => rig?.stop())

  test.each([['phone', 390, 'no-such-unit'], ['desktop', 1280, 'x'.repeat(300)]] as const)('the card says which, as whom and where; whoever asked has what it wrote; the replay plays it back (%s)', async (name, width, unit) => {
    const { context, page, complaints } = await reader(rig, width)
    const shot = (what: string) => shoot(rig, page, `${name}-host-${what}`)
    const agent = await rig.token('agent:deployer', 'platform')
    const answer = await fetch(`${rig.stack.url}/v1/connections/bastion/exec`, { method: 'POST', headers: { authorization: `Bearer ${agent}`, 'content-type': 'application/json' }, body: JSON.stringify({ command: ['systemctl', 'restart', unit], purpose: 'it hangs' }) })
    const session = answer.headers.get('sluice-session') ?? ''
    const { request } = await answer.json() as { request: { id: string } }

    await page.goto(`${rig.stack.console}/requests/${request.id}`)
    await signIn(page, 'user:omar@acme.dev')
    await shot('1-card')
    for (const part of [`systemctl restart ${unit}`, 'as support', 'on 127.0.0.1, port ', 'nothing was tried', 'without a terminal']) expect(await words(page)).toContain(part)
    expect(await words(page)).not.toMatch(/Statement|read committed|Rows given|has changed since/)
    await approve(page)
    await shot('2-done')
    expect(await words(page)).not.toContain('could not be found')
    expect(JSON.stringify((await rig.call('GET', `/v1/requests/${request.id}`, agent)).body['result'])).toContain('not found')
    await page.getByRole('link', { name: 'Sluice: requests' }).click()
    await shot('3-list')
    await page.getByRole('button', { name: 'Sign out' }).click()

    await page.goto(`${rig.stack.console}/audit/sessions/${session}`)
    await signIn(page, 'user:audrey@acme.dev')
    await shot('4-replay')
    for (const part of ['exec systemctl restart *', 'It runs as support, on 127.0.0.1', 'What it wrote to stderr', 'exitCode 5', 'Loginsluice-']) expect(await words(page)).toContain(part)
    expect(complaints.filter((line) => !/401/.test(line))).toEqual([])
    await context.close()
  })
})
