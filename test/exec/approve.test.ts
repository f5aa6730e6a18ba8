import { describe, expect, test } from 'vitest'
import { slackOf } from '../../functions/approve/blocks.ts'
import { letterOf } from '../../functions/approve/letter.ts'
import { messageOf } from '../../functions/approve/message.ts'
import { listPage } from '../../functions/console/list.ts'
import { requestPage } from '../../functions/console/request.ts'
import type { RequestSummary, RequestView } from '../../schema/approval.ts'
import { lead } from '../support/approvals.ts'
import { createHosted, operator, rules, withRules } from '../support/host.ts'

type Hosted = ReturnType<typeof createHosted>
const approval = { by: ['support-leads'], quorum: 1, within: '30m' }
const any = withRules([...rules, { allow: ['exec'], connection: 'bastion', on: [['tell', '*']] }, { ask: ['exec'], connection: 'bastion', on: [['tell']], approval }])
interface Asked { readonly id: `arq_${string}`; readonly digest: string }
async function asked(at: Hosted, words: readonly string[], more: Readonly<Record<string, unknown>> = {}): Promise<Asked> {
  const answer = await at.exec(words, more)
  if (answer.status !== 202) throw new Error(answer.text)
  return (answer.json as { request: Asked }).request
}
const viewOf = async (at: Hosted, { id }: Asked, who = lead) => (await (await at.as(who)).call('GET', `/v1/requests/${id}`)).json as { request: RequestView; result?: unknown }
const plain = (html: string): string => html.replaceAll(/<[^>]+>/g, ' ').replaceAll('&#39;', '\'').replaceAll(/\s+/g, ' ')
async function page(at: Hosted, request: Asked): Promise<string> {
  return String(await requestPage((await viewOf(at, request)).request, { now: at.world.clock.ms, proof: 'p' }))
}
async function told(at: Hosted, { id }: Asked, full: boolean) {
  const stored = await at.memory.requests.get(id)
  if (stored === null) throw new Error('none')
  const message = messageOf(stored, { full, console: 'https://pages.acme.dev' })
  return { slack: JSON.stringify(slackOf(message)), letter: letterOf(message) }
}

test('the page says which command, as whom and where it would run, and that nothing was tried', async () => {
  const at = createHosted()
  const html = plain(await page(at, await asked(at, ['systemctl', 'restart', 'cron'], { purpose: 'it hangs' })))
  for (const text of ['agent:operator wants to run systemctl restart cron', 'One command on bastion , without a terminal', 'as deploy', 'on bastion.internal, port 22', 'nothing was tried', 'operator.rules[1]', 'of what it writes']) expect(html).toContain(text)
  expect(html).not.toMatch(/Statement|No parameters|estimate|Rows|rows|read committed|undefined|Word by word/)
  expect(plain(String(await listPage((await (await at.as(lead)).call('GET', '/v1/requests')).json['requests'] as RequestSummary[], null, at.world.clock.ms)))).toContain('wants to run systemctl restart cron')
})

test('whoever asked does not learn from the request as whom it runs', async () => {
  const at = createHosted()
  const request = await asked(at, ['systemctl', 'restart', 'cron'])
  expect((await viewOf(at, request, operator)).request).not.toHaveProperty('diff')
  expect((await viewOf(at, request)).request.diff).toContain('as deploy')
})

describe('hostile words, given by a rule that names them', () => {
  const words = (...its: readonly string[]) => withRules([{ allow: ['exec'], connection: 'bastion', on: [[...its]], approval }])
  test('where an argument begins and ends is to be seen', async () => {
    const its = ['tell', 'a b', '', '; rm -rf /', 'it\'s', '--x']
    const at = createHosted(words(...its.filter((word) => word !== '')))
    const request = await asked(at, its.filter((word) => word !== ''))
    expect(plain(await page(at, request))).toMatch(/Word by word 1 ' tell ' 2 ' a b ' 3 ' ; rm -rf \/ ' 4 ' it's ' 5 ' --x '/)
  })
  test('what hides, reorders or looks like another is marked, and no markup is one', async () => {
    const evil = ['tell', '</code><img src=x onerror=alert(1)><a href="https://evil.example">', 'safe\u202egnp.sh', 'zero\u200bwidth', 'pаypal', `a${' '.repeat(40)}b`]
    const at = createHosted(words(...evil))
    const html = await page(at, await asked(at, evil))
    expect(html).not.toMatch(/<img|href="https:|\u202e|\u200b/)
    for (const text of ['Look twice', 'U+202E right-to-left override', 'U+200B zero-width space', 'U+0430', '40 spaces']) expect(plain(html)).toContain(text)
    const { slack, letter } = await told(at, await asked(at, evil), true)
    for (const one of [slack, letter.text, letter.html]) expect(one).not.toMatch(/https:\/\/evil|\u202e|\u200b/)
    for (const one of [slack, letter.html]) expect(one).not.toContain('<img')
  })
  test('a very long one is whole on its page, and short in the title, the list and the messages, which say so', async () => {
    const long = Array.from({ length: 200 }, (_, n) => `${n}`.padEnd(300, 'x'))
    const policy = withRules([{ allow: ['exec'], connection: 'bastion', on: [['tell', ...Array.from({ length: 60 }, () => '*')]], approval }])
    const at = createHosted(policy)
    const its = ['tell', ...long.slice(0, 59), 'LAST-WORD']
    const request = await asked(at, its)
    const html = await page(at, request)
    expect(plain(html)).toContain('LAST-WORD')
    expect(plain(html.slice(html.indexOf('<h1>'), html.indexOf('</h1>')))).toMatch(/… and more/)
    const list = (await (await at.as(lead)).call('GET', '/v1/requests')).text
    expect([list.length < 4000, list.includes('LAST-WORD')]).toEqual([true, false])
    const { slack, letter } = await told(at, request, true)
    expect(letter.text).toMatch(/Command, written by whoever asks:[\s\S]*\d+ characters more: open the page for all of it/)
    expect(slack.length).toBeLessThan(9000)
  })
  test('a line end is no word', async () => {
    const at = createHosted()
    for (const word of ['a\nb', 'a\rb', 'a\u2028b', 'a\u0085b', 'a\u001b[2Jb', 'a\\b']) expect((await at.exec(['systemctl', 'restart', word])).json).toMatchObject({ status: 400, reason: 'command' })
    expect(at.host.ran).toEqual([])
  })
})

test('chat and mail are told the program and how many arguments, and the line only where rules say full', async () => {
  const at = createHosted()
  const request = await asked(at, ['systemctl', 'restart', 'customer-17'])
  const short = await told(at, request, false)
  for (const one of [short.slack, short.letter.text, short.letter.html]) {
    expect(one).toContain('run systemctl with 2 arguments')
    expect(one).toContain('as deploy')
    expect(one).not.toMatch(/customer-17|tatement/)
  }
  const full = await told(at, request, true)
  for (const one of [full.slack, full.letter.text]) expect(one).toContain('| systemctl restart customer-17')
})

test('what people approved runs once, as it was sent; whoever asked has what it wrote, the person counts', async () => {
  const at = createHosted(any)
  at.host.said = { stdout: 'all for the operator\n', stderr: '', exitCode: 4 }
  const request = await asked(at, ['tell', 'pwd=hunter2'])
  const person = await at.as(lead)
  expect((await person.call('POST', `/v1/requests/${request.id}/decision`, { decision: 'approve', digest: request.digest })).status).toBe(200)
  expect(await at.approver.proceed(request.id)).toBe('succeeded')
  expect(at.host.ran).toEqual(['tell \'pwd=hunter2\''])
  const theirs = await viewOf(at, request)
  expect(theirs).not.toHaveProperty('result')
  expect(JSON.stringify(theirs)).not.toContain('all for the operator')
  expect(theirs.request.ending).toMatchObject({ rowCounts: [1] })
  expect(JSON.stringify((await viewOf(at, request, operator)).result)).toContain('all for the operator')
  const mine = await requestPage((await viewOf(at, request, operator)).request, { now: at.world.clock.ms, proof: 'p' })
  expect(plain(String(mine))).toContain('What it wrote is kept for you until')
  expect(plain(`${await page(at, request)}${String(mine)}`) + (await told(at, request, false)).letter.text).not.toMatch(/[Rr]ows/)
  // What is approved is bound as sent, what is recorded has no password.
  expect(theirs.request.statements[0]?.sql).toBe('tell \'pwd=hunter2\'')
  expect(JSON.stringify(at.world.events)).not.toContain('hunter2')
  expect(at.world.events.filter(({ kind }) => kind === 'intent')).toHaveLength(1)
})

test('as another user it is another deed: a login that changed after the approval makes it stale', async () => {
  const at = createHosted()
  const request = await asked(at, ['systemctl', 'restart', 'cron'])
  const person = await at.as(lead)
  await person.call('POST', `/v1/requests/${request.id}/decision`, { decision: 'approve', digest: request.digest })
  await at.apply(withRules(rules, { version: 1, kind: 'connection', name: 'bastion', engine: 'ssh', secret: 'bastion-ssh', logins: { operator: 'root' }, detect: ['email'], limits: { bytes: 1024 * 1024 } }))
  expect(await at.approver.proceed(request.id)).toBe('stale')
  expect(at.host.ran).toEqual([])
})
