import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { browserHere, reader, signIn, startRig, untilEnded, type Rig } from './rig.ts'

describe.skipIf(!browserHere)('a command on a host, in a real browser', () => {
  let rig: Rig
  let shots: string
  beforeAll(async () => {
    rig = await startRig()
    shots = process.env['SLUICE_SHOTS'] ?? await mkdtemp(join(tmpdir(), 'sluice-shots-'))
    console.log(`screenshots in ${shots}`)
  })
  afterAll(() => rig?.stop())

  test.each([['phone', 390, 'no-such-unit'], ['desktop', 1280, 'x'.repeat(300)]] as const)('the card says which, as whom and where; whoever asked has what it wrote; the replay plays it back (%s)', async (name, width, unit) => {
    const { context, page, complaints } = await reader(rig, width)
    const shot = async (what: string) => {
      await page.screenshot({ path: join(shots, `${name}-host-${what}.png`), fullPage: true })
      const sizes = await page.locator('html').evaluate((html) => [html.scrollWidth, html.clientWidth])
      expect(sizes[0]).toBeLessThanOrEqual(sizes[1] ?? 0)
    }
    const text = async () => ((await page.locator('main').textContent()) ?? '').replaceAll(/\s+/g, ' ')
    const agent = await rig.token('agent:deployer', 'platform')
    const answer = await fetch(`${rig.stack.url}/v1/connections/bastion/exec`, { method: 'POST', headers: { authorization: `Bearer ${agent}`, 'content-type': 'application/json' }, body: JSON.stringify({ command: ['systemctl', 'restart', unit], purpose: 'it hangs' }) })
    const session = answer.headers.get('sluice-session') ?? ''
    const { request } = await answer.json() as { request: { id: string } }

    await page.goto(`${rig.stack.console}/requests/${request.id}`)
    await signIn(page, 'user:omar@acme.dev')
    await shot('1-card')
    for (const part of [`systemctl restart ${unit}`, 'as support', 'on 127.0.0.1, port ', 'nothing was tried', 'without a terminal']) expect(await text()).toContain(part)
    expect(await text()).not.toMatch(/Statement|read committed|Rows given|has changed since/)
    await page.getByRole('button', { name: 'Approve and run' }).click()
    await untilEnded(page)
    await page.getByText('Approved and done').waitFor()
    await shot('2-done')
    expect(await text()).not.toContain('could not be found')
    expect(JSON.stringify((await rig.call('GET', `/v1/requests/${request.id}`, agent)).body['result'])).toContain('not found')
    await page.getByRole('link', { name: 'Sluice: requests' }).click()
    await shot('3-list')
    await page.getByRole('button', { name: 'Sign out' }).click()

    await page.goto(`${rig.stack.console}/audit/sessions/${session}`)
    await signIn(page, 'user:audrey@acme.dev')
    await shot('4-replay')
    for (const part of ['exec systemctl restart *', 'It runs as support, on 127.0.0.1', 'What it wrote to stderr', 'exitCode 5', 'Loginsluice-']) expect(await text()).toContain(part)
    expect(complaints.filter((line) => !/401/.test(line))).toEqual([])
    await context.close()
  })
})
