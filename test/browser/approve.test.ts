import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { approve, browserHere, reader, refund, shoot, signIn, startRig, untilEnded, type Rig } from './rig.ts'

const omar = 'user:omar@acme.dev'
const lena = 'user:lena@acme.dev'

describe.skipIf(!browserHere)('the approver\'s page in a real browser, without scripts', () => {
  let rig: Rig
  let number = 0
  beforeAll(async () => { rig = await startRig() })
  afterAll(() => rig?.stop())
  /** Each one another call, so that none is taken for a repeat of an earlier one. */
  const ask = (change: Partial<typeof refund> = {}) => rig.ask({ ...refund, params: [1, `${++number}.00`, 'late'], ...change })

  test.each([['phone', 360], ['desktop', 1200]] as const)('sign in, read, approve, see the result (%s)', async (name, width) => {
    const { context, page, complaints } = await reader(rig, width)
    const asked = await ask({ purpose: 'order 1 came late, see https://evil.example \u202e', params: [1, `${++number}.00`, 'late\u200b'] })
    const shot = (what: string) => shoot(rig, page, `${name}-${what}`)
    expect(asked.url).toBe(`${rig.stack.console}/requests/${asked.id}`)
    await page.goto(`${rig.stack.url}/requests/${asked.id}`)          // a link that names the gate leads to the console
    expect(page.url()).toBe(asked.url)
    await shot('1-signed-out')
    await signIn(page, omar)
    expect(page.url()).toBe(asked.url)
    await shot('2-read')
    for (const text of ['agent:support-bot', refund.sql, 'public.refunds', 'checked by nobody', 'U+202E right-to-left override', 'U+200B zero-width space', asked.digest.slice(0, 16), 'support-leads']) expect(await page.locator('main').textContent()).toContain(text)
    expect(await page.locator('a[href*="evil"]').count()).toBe(0)
    await page.getByLabel(/^Reason/).fill('I looked at the parcel')
    await approve(page)
    expect(await page.locator('main').textContent()).toContain('I looked at the parcel')
    await shot('3-done')
    expect(await rig.view(asked)).toMatchObject({ status: 'succeeded', decisions: [{ subject: omar, decision: 'approve' }] })
    await page.getByRole('link', { name: 'Sluice: requests' }).click()
    await shot('4-list')
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByRole('heading', { name: 'Signed out' }).waitFor()
    expect((await context.cookies()).filter(({ name }) => name.startsWith('sluice-'))).toEqual([])
    expect(complaints.filter((text) => !/401/.test(text))).toEqual([])   // a 401 page is what signed out looks like
    await context.close()
  })

  test('under another loopback name the console leads to its own, where its cookies are', async () => {
    const { port } = new URL(rig.stack.console)
    expect(rig.stack.console).toBe(`http://localhost:${port}`)
    for (const [path, to] of [['/requests/arq_1', '/requests/arq_1'], ['/signin?to=/x', '/requests'], ['//evil.example', '/requests']] as const) {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, { redirect: 'manual' })
      expect([answer.status, answer.headers.get('location')]).toEqual([302, `${rig.stack.console}${to}`])
    }
  })

  test('rejecting by keyboard alone: every stop can be seen, and nothing runs', async () => {
    const { context, page } = await reader(rig)
    const asked = await ask()
    await page.goto(asked.url)
    await signIn(page, omar)
    const stops: string[] = []
    for (let i = 0; i < 20 && stops.at(-1) !== 'Reject'; i++) {
      await page.keyboard.press('Tab')
      const focus = page.locator(':focus')
      stops.push((await focus.textContent())?.trim() ?? '')
      expect([stops.at(-1), await page.evaluate('getComputedStyle(document.activeElement).outlineStyle')]).toEqual([stops.at(-1), 'solid'])
    }
    expect(stops[0]).toBe('To the content')
    expect(stops.slice(-2)).toEqual(['Approve and run', 'Reject'])
    await page.keyboard.press('Enter')
    await page.getByText('Somebody who may decide said no').waitFor()
    expect(await rig.view(asked)).toMatchObject({ status: 'rejected', ending: { rowCounts: [] } })
    await context.close()
  })

  test('a scanner\'s GET and HEAD, with or without a sign-in, and a browser that fetches ahead, change nothing', async () => {
    const { context, page } = await reader(rig)
    const asked = await ask()
    await page.goto(asked.url)
    await signIn(page, omar)
    const before = await rig.view(asked)
    const cookie = (await context.cookies()).filter(({ domain }) => domain === 'localhost').map(({ name, value }) => `${name}=${value}`).join('; ')
    const form = new URLSearchParams({ decision: 'approve', digest: asked.digest, proof: await page.locator('input[name=proof]').getAttribute('value') ?? '' })
    for (const headers of [{}, { cookie }, { cookie, 'sec-purpose': 'prefetch' }] as Record<string, string>[]) {
      for (const method of ['GET', 'HEAD']) for (const path of ['', '/decision', `/decision?${form}`, `?${form}`]) await fetch(`${asked.url}${path}`, { method, headers, redirect: 'manual' })
    }
    expect(await rig.view(asked)).toEqual(before)
    expect(before).toMatchObject({ status: 'pending', decisions: [] })
    await context.close()
  })

  test('a page of another site can neither send the form nor frame the page', async () => {
    const { context, page } = await reader(rig)
    const asked = await ask()
    await page.goto(asked.url)
    await signIn(page, omar)
    const proof = await page.locator('input[name=proof]').getAttribute('value') ?? ''
    // Even one that got at the proof, and of the same site as far as cookies go: another port of localhost.
    const evil = createServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/html' }).end(`<form method=post action="${asked.url}/decision"><input name=decision value=approve><input name=digest value=${asked.digest}><input name=proof value=${proof}><button>Win a prize</button></form><iframe src="${asked.url}"></iframe>`)
    })
    await new Promise<void>((done) => { evil.listen(0, '127.0.0.1', done) })
    try {
      for (const host of ['localhost', '127.0.0.1']) {
        await page.goto(`http://${host}:${(evil.address() as AddressInfo).port}/`)
        expect(await page.frames()[1]?.locator('body').textContent().catch(() => '')).not.toContain('public.refunds')
        await page.getByRole('button').click()
        await page.getByRole('heading', { name: /This form is not from your sign-in|Sign in/ }).waitFor()
        expect(await rig.view(asked)).toMatchObject({ status: 'pending', decisions: [] })
      }
    } finally {
      evil.closeAllConnections()
      evil.close()
    }
    await context.close()
  })

  test('a page that lay open while the request was taken back is refused kindly', async () => {
    const { context, page } = await reader(rig, 360)
    const asked = await ask()
    await page.goto(asked.url)
    await signIn(page, omar)
    await rig.call('DELETE', `/v1/requests/${asked.id}`, await rig.token('agent:support-bot', 'support-agents'))
    await page.getByRole('button', { name: 'Approve and run' }).click()
    await page.getByRole('heading', { name: 'Settled already' }).waitFor()
    await shoot(rig, page, 'phone-settled')
    await page.getByRole('link', { name: 'Read the request as it is now' }).click()
    await page.getByText('Whoever asked took it back').waitFor()
    expect(await rig.view(asked)).toMatchObject({ status: 'cancelled', decisions: [] })
    await context.close()
  })

  test('for the agent\'s owner there is no such request; a colleague after them on the same browser may decide', async () => {
    const { context, page } = await reader(rig)
    const asked = await ask()
    await page.goto(asked.url)
    await signIn(page, lena)
    await page.getByRole('heading', { name: 'There is no such request' }).waitFor()
    expect(await page.getByRole('button', { name: 'Approve and run' }).count()).toBe(0)
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.goto(asked.url)
    await signIn(page, omar)
    expect(await page.getByRole('button', { name: 'Approve and run' }).count()).toBe(1)
    await context.close()
  })

  test('approved under a policy that changed meanwhile: nothing runs, and the approver reads why', async () => {
    const { context, page } = await reader(rig)
    const asked = await ask()
    await page.goto(asked.url)
    await signIn(page, omar)
    const platform = await rig.token('user:petra@acme.dev', 'platform')
    const { body } = await rig.call('GET', '/v1/policy', platform)
    const documents = JSON.parse(JSON.stringify(body['documents']).replace('"within":"30m"', '"within":"29m"')) as unknown
    expect(await rig.call('PUT', '/v1/policy', platform, { documents, from: body['version'] })).toMatchObject({ status: 200 })
    await new Promise((done) => setTimeout(done, 2100))              // the copy of the policy at hand may be 2 s old
    await page.getByRole('button', { name: 'Approve and run' }).click()
    await untilEnded(page)
    await page.getByText('What it would do changed after it was approved').waitFor()
    await shoot(rig, page, 'desktop-stale')
    expect(await rig.view(asked)).toMatchObject({ status: 'stale', ending: { rowCounts: [] } })
    await context.close()
  })
})
