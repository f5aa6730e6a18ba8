import { existsSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core'
import { expect } from 'vitest'
import { startStack, type Stack } from '../../functions/local/stack.ts'

const executablePath = '/usr/bin/chromium'
export const browserHere = existsSync(executablePath)
const args = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']
export const refund = { sql: 'insert into public.refunds (order_id, amount, reason) values ($1, $2, $3)', params: [1, '5.00', 'late'], purpose: 'the parcel of order 1 came late' }

export interface Asked { readonly id: string; readonly url: string; readonly digest: string }
export interface Rig {
  readonly stack: Stack
  readonly browser: Browser
  /** Where screenshots lie, for whoever looks at them afterwards. */
  readonly shots: string
  call(method: string, path: string, token: string, body?: unknown): Promise<{ readonly status: number; readonly body: Record<string, unknown> }>
  token(subject: string, group: string): Promise<string>
  ask(change?: Partial<typeof refund>): Promise<Asked>
  /** The request as whoever asked sees it. */
  view(asked: Asked): Promise<Record<string, unknown>>
  stop(): Promise<void>
}

/** The whole system, as `npm start` runs it, and a real browser. */
export async function startRig(): Promise<Rig> {
  const stack = await startStack({ state: null, port: 0, policy: null, issuer: null, unsafeLocalIdentity: false, env: {}, progress: { say() {}, warn() {}, step: (_what, work) => work() }, signal: new AbortController().signal })
  const browser = await chromium.launch({ executablePath, args })
  const shots = process.env['SLUICE_SHOTS'] ?? await mkdtemp(join(tmpdir(), 'sluice-shots-'))
  console.log(`screenshots in ${shots}`)
  const rig: Rig = {
    stack, browser, shots,
    async call(method, path, token, body) {
      const answer = await fetch(stack.url + path, { method, headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
      return { status: answer.status, body: await answer.json() as Record<string, unknown> }
    },
    async token(subject, group) {
      const answer = await fetch(`${stack.url}/dev/token`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ subject, groups: [group] }) })
      return (await answer.json() as { access_token: string }).access_token
    },
    async ask(change = {}) {
      const { status, body } = await rig.call('POST', '/v1/connections/shop/query', await bot(), { ...refund, ...change })
      if (status !== 202) throw new Error(`expected 202, not ${status}: ${JSON.stringify(body)}`)
      return body['request'] as Asked
    },
    async view({ id }) {
      return (await rig.call('GET', `/v1/requests/${id}`, await bot())).body['request'] as Record<string, unknown>
    },
    async stop() {
      await browser.close()
      await stack.stop()
    },
  }
  const bot = () => rig.token('agent:support-bot', 'support-agents')
  return rig
}

export interface Reader { readonly context: BrowserContext; readonly page: Page; readonly complaints: readonly string[] }
/** A reader's browser. Scripts are off: every page must work without. What the browser complains of (a policy violated, a file missing) is kept. */
export async function reader({ browser }: Rig, width = 1200): Promise<Reader> {
  const context = await browser.newContext({ viewport: { width, height: 800 }, javaScriptEnabled: false })
  context.setDefaultTimeout(15_000)
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('console', (message) => { if (message.type() === 'error') complaints.push(message.text()) })
  page.on('pageerror', (error) => complaints.push(error.message))
  return { context, page, complaints }
}

/** From a page that asks to sign in, as somebody of the demo's cast, back to where it was. */
export async function signIn(page: Page, person: string): Promise<void> {
  await page.getByRole('link', { name: /^Sign in/ }).click()
  await page.locator(`button[value="${person}"]`).click()
  await page.locator('header').getByText('Signed in as').waitFor()
}

/** As a reader does while it runs: look again until there is an end. The page itself waits a few seconds each time. */
export async function untilEnded(page: Page): Promise<void> {
  await page.locator('.state').waitFor()
  for (let i = 0; i < 240 && await page.getByRole('link', { name: 'Look again' }).count() > 0; i++) {
    await new Promise((done) => setTimeout(done, 500))
    await page.getByRole('link', { name: 'Look again' }).click()
    await page.locator('.state').waitFor()
  }
}

/** A screenshot of the whole page, which is nowhere wider than its reader's window. */
export async function shoot({ shots }: Rig, page: Page, name: string): Promise<void> {
  await page.screenshot({ path: join(shots, `${name}.png`), fullPage: true })
  const sizes = await page.locator('html').evaluate((html) => [html.scrollWidth, html.clientWidth])        // without scripts of the page's own the test may still measure
  expect(sizes[0], name).toBeLessThanOrEqual(sizes[1] ?? 0)
}
/** What the page says, on one line. */
export const words = async (page: Page): Promise<string> => ((await page.locator('main').textContent()) ?? '').replaceAll(/\s+/g, ' ')

/** On a card that waits, to the end of what it runs. */
export async function approve(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Approve and run' }).click()
  await untilEnded(page)
  await page.getByText('Approved and done').waitFor()
}
