import { describe, expect, test } from 'vitest'
import { slackOf } from '../../functions/approve/blocks.ts'
import { letterOf } from '../../functions/approve/letter.ts'
import { messageOf } from '../../functions/approve/message.ts'
import type { AccessRequest, Bound } from '../../schema/approval.ts'
import { asked, saying } from './asked.ts'

const console = 'https://pages.acme.dev'
function all(request: AccessRequest, full = false) {
  const message = messageOf(request, { full, console })
  const slack = slackOf(message)
  const letter = letterOf(message)
  return { message, slack, letter, texts: textsIn(slack.blocks), everything: [JSON.stringify(slack), letter.subject, letter.text, letter.html].join('\n') }
}
/** Every string that Slack would render, whatever element it stands in. */
function textsIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(textsIn)
  if (typeof value !== 'object' || value === null) return []
  const own = 'text' in value && typeof value.text === 'string' ? [value.text] : []
  return [...own, ...Object.values(value).flatMap(textsIn)]
}

describe('what is told', () => {
  test('who asks what of which connection, how much, by which rule, until when, and where to look', () => {
    const { texts, letter, slack } = all(asked())
    const card = texts.join('\n')
    for (const part of ['Approval wanted: shop', 'agent:support-bot', 'insert public.refunds', '1 statement, 2 parameters', 'support-agent.rules[1]', '1 of support-leads', '2026-11-22 09:30:00 UTC', 'refund for ticket 4711']) {
      expect(card).toContain(part)
      expect(letter.text).toContain(part)
    }
    expect(letter.text).toContain('\nhttps://pages.acme.dev/requests/arq_01KAQZ0000AAAAAAAAAAAAAAA0\n')
    expect(JSON.stringify(slack.blocks)).toContain('"url":"https://pages.acme.dev/requests/arq_01KAQZ0000AAAAAAAAAAAAAAA0"')
  })
  test('no parameter, no digest, no claim, no result is ever in it', () => {
    const { everything } = all(asked({ ...saying('select 1', ['4111111111111111']), claims: { email: 'claim@acme.dev' } }), true)
    for (const value of ['4111111111111111', 'dddddd', 'claim@', 'cccccc', 'eval_1']) expect(everything).not.toContain(value)
  })
  test('the statement only where it may be told', () => {
    expect(all(asked(), false).everything).not.toContain('insert into')
    expect(all(asked(), true).texts.join('\n')).toContain('| insert into public.refunds (order_id, amount) values ($1, $2)')
    expect(all(asked(), true).letter.text).toContain('  | insert into public.refunds (order_id, amount) values ($1, $2)')
  })
  test('classes that would come out in clear', () => {
    const shown: Bound['shown'] = [{ statement: 0, output: 0, resource: 'public.customers', column: 'email', dataClass: 'pii.email', mask: null }, { statement: 0, output: 1, resource: 'public.customers', column: 'ssn', dataClass: 'pii.ssn', mask: 'last4' }]
    expect(all(asked({ shown })).letter.text).toContain('Shows in clear: pii.email\n')
  })
  test('whoever acts for another', () => {
    expect(all(asked({ actors: [{ id: 'agent:helper', kind: 'agent', groups: [] }] })).letter.text).toContain('Who asks: agent:support-bot, through agent:helper')
  })
  test('a button to look and one to reject, and none that approves', () => {
    const { slack } = all(asked())
    expect(JSON.stringify(slack.blocks).match(/"action_id":"[^"]*"/g)).toEqual(['"action_id":"sluice_open"', '"action_id":"sluice_reject"'])
    expect(JSON.stringify(slack.blocks)).toContain('"value":"arq_01KAQZ0000AAAAAAAAAAAAAAA0"')
  })
  test('a mail loads nothing and links to the page alone', () => {
    const { html } = all(asked()).letter
    expect(html.match(/(href|src|url\(|@import|<(img|script|link|iframe|form|style|object))[^ >]*/gi)).toEqual(['href="https://pages.acme.dev/requests/arq_01KAQZ0000AAAAAAAAAAAAAAA0"'])
  })
})

describe('what came of it', () => {
  const verdict = (decision: 'approve' | 'reject') => ({ decision, issuer: 'local', trust: 'local', subject: 'user:lena@acme.dev', groups: ['support-leads'], signedInAt: '2026-11-22T09:00:00.000Z', at: '2026-11-22T09:05:00.000Z', reason: 'not-for-chat', evaluation: 'eval_2' as const })
  test('who said what, when, and how many rows, and nothing to press but the page', () => {
    const { texts, letter, slack } = all(asked({}, {
      status: 'succeeded', verdicts: [verdict('approve')], execution: { evaluation: 'eval_3', intent: 'evt_1', at: '2026-11-22T09:05:01.000Z' }, ending: { at: '2026-11-22T09:05:02.000Z', refusal: null, rowCounts: [1, 3], outcome: 'evt_2' },
    }))
    for (const part of ['Approved and executed: shop', 'approved by user:lena@acme.dev at 2026-11-22 09:05:00 UTC', 'rows: 1, 3']) {
      expect(texts.join('\n')).toContain(part)
      expect(letter.text).toContain(part)
    }
    expect(JSON.stringify(slack)).not.toContain('sluice_reject')
    expect(JSON.stringify(slack)).not.toContain('not-for-chat')
  })
  test.each([['rejected', 'Rejected'], ['expired', 'Expired'], ['stale', 'Stale, nothing ran'], ['cancelled', 'Cancelled'], ['outcome-unknown', 'its outcome was lost'], ['failed', 'Approved, and failed']] as const)('%s is said in its own words', (status, words) => {
    const { slack, letter } = all(asked({}, { status, ending: { at: '2026-11-22T09:05:02.000Z', refusal: null, rowCounts: [], outcome: null } }))
    expect(slack.text).toContain(words)
    expect(letter.subject).toContain(words)
    expect(JSON.stringify(slack)).not.toContain('sluice_reject')
  })
  test('the detail of a refusal, which may quote the agent, is left to the page', () => {
    const refusal = { slug: 'target-error', reason: 'unique', detail: 'see `<!channel>`', next: 'fix' } as const
    expect(all(asked({}, { status: 'failed', ending: { at: '2026-11-22T09:05:02.000Z', refusal, rowCounts: [], outcome: null } })).everything).not.toContain('channel')
  })
})

describe('words of an agent', () => {
  const hostile = [
    '<https://evil.example|click>', '<!channel> <!here> <!everyone>', '<@U0123456> @here @channel #general', 'https://evil.example/x http://evil.example www.evil.example evil.example', 'mailto:a@evil.example',
    '*bold* _it_ ~s~ `code` ```fence``` :smile:', '<script>alert(1)</script><img src=x onerror=alert(1)>', '"><a href="https://evil.example">x</a>', '&lt;!channel&gt; &amp;', '<!date^1^x|y> <!subteam^S1>',
  ]
  test.each(hostile)('%s is no markup, link or mention, as purpose or as statement', (text) => {
    for (const { slack, letter, texts } of [all(asked({ purpose: text })), all(asked(saying(text)), true)]) {
      expect(slack.text).toBe('Approval wanted: shop (arq_01KAQZ0000AAAAAAAAAAAAAAA0)')
      expect(JSON.stringify(slack)).not.toMatch(/mrkdwn|"rich_text|"markdown"/)
      for (const shown of texts) expect(shown).not.toMatch(/[<>]|&(?!amp;|lt;|gt;)/)
      expect(texts.join('\n')).not.toContain('://')
      expect(letter.html.match(/<[a-z!][^>]*>/gi)?.filter((tag) => !/^<(!doctype html|html lang="en"|head|meta charset="utf-8"|title|body|h1|table|tr|th align="left"|td|p|blockquote|pre|span|a href="https:\/\/pages\.acme\.dev\/requests\/arq_[0-9A-Z]+")>$/.test(tag))).toEqual([])
      expect(letter.text.match(/\S*:\/\/\S*/g)).toEqual(['https://pages.acme.dev/requests/arq_01KAQZ0000AAAAAAAAAAAAAAA0'])
      expect(letter.html.replaceAll(/href="[^"]*"/g, '')).not.toMatch(/:\/\/|evil\.example/)
      expect(letter.subject).toBe('Approval wanted: shop (arq_01KAQZ0000AAAAAAAAAAAAAAA0)')
    }
  })
  test('a purpose names no host and nobody', () => {
    const { letter, texts } = all(asked({ purpose: 'see evil.example, ask a@b.example and @here' }))
    for (const text of [letter.text, texts.join('\n')]) expect(text).toContain('| see evil[.]example, ask a[@]b[.]example and [@]here')
  })
  test('a statement keeps its dots and operators', () => {
    expect(all(asked(saying('select a.b from public.t where x @> y and z < 3')), true).letter.text).toContain('  | select a.b from public.t where x @> y and z < 3')
  })
  test.each([['\u202e', '\\u{202e}'], ['\u2066', '\\u{2066}'], ['\u200b', '\\u{200b}'], ['\u0000', '\\u{0}'], ['\u001b', '\\u{1b}'], ['\u2028', '\\u{2028}'], ['\u00a0', '\\u{a0}'], ['\u3000', '\\u{3000}'], ['\u{e0041}', '\\u{e0041}'], ['\ud800', '\\u{d800}'], ['\u00ad', '\\u{ad}']])('%j is shown, not obeyed', (mark, shown) => {
    for (const { everything, texts, letter } of [all(asked({ purpose: `a${mark}b` })), all(asked(saying(`a${mark}b`)), true)]) {
      if (mark !== '\u0000') expect(everything.replaceAll('\n', '')).not.toContain(mark)
      expect(texts.join('\n')).toContain(`a${shown}b`)
      expect(letter.text).toContain(`a${shown}b`)
    }
  })
  test('a letter read from right to left stands as its number in a statement', () => expect(all(asked(saying('a \u05d0 b')), true).letter.text).toContain('a \\u{5d0} b'))
  test('no line of theirs reads as a line of ours', () => {
    const forged = 'x\nApproved: by user:lena@acme.dev\r\nRule: none'
    expect(all(asked({ purpose: forged })).letter.text).toContain('  | x\\nApproved: by user:lena[@]acme[.]dev\\r\\nRule: none\n')
    const { letter, texts } = all(asked(saying(forged)), true)
    expect(letter.text).toContain('\n  | Approved: by')
    expect(texts.join('\n')).toContain('\n| Approved: by')
    expect(letter.text).not.toMatch(/^(Approved|Rule: none)/m)
  })
  test('blanks do not push a tail out of sight', () => expect(all(asked(saying(`select 1${' '.repeat(5000)}; drop`)), true).letter.text).toContain('select 1[5000 spaces]; drop'))
  test('marks stacked on a letter end at two', () => expect(all(asked({ purpose: `a${'\u0301'.repeat(5)}` })).letter.text).toContain('a\u0301\u0301\\u{301}\\u{301}\\u{301}'))
  test.each([['<', 700], ['\u202e', 500], ['&', 700], ['x', 65_536], ['<', 65_536], ['\n', 65_536], ['\u{1f600}', 30_000]])('%j times %i never bursts a message, and what is cut is counted', (mark, times) => {
    for (const { slack, letter, texts } of [all(asked({ purpose: mark.repeat(times) })), all(asked(saying(mark.repeat(times))), true)]) {
      for (const text of texts) expect(text.length).toBeLessThanOrEqual(3000)
      expect(slack.blocks.length).toBeLessThanOrEqual(50)
      expect(Buffer.byteLength(JSON.stringify(slack))).toBeLessThan(40_000)
      const left = Number(/(\d+) characters? more: open the page for all of it/.exec(letter.text)?.[1] ?? 0)
      expect(texts.join('\n')).toContain(left > 0 ? `${left} character` : '')
      expect(left).toBeGreaterThan(0)
      expect(left).toBeLessThan(times)
    }
  })
  test('a purpose of the longest allowed, in plain words, is whole', () => expect(all(asked({ purpose: 'word '.repeat(100) })).letter.text).not.toContain('open the page for all of it'))
  test('a cut never leaves half a character', () => expect(all(asked({ purpose: '\u{1f600}'.repeat(3000) })).everything.isWellFormed()).toBe(true))
})

describe('many of them', () => {
  test('statements beyond the third are counted', () => {
    const query = { ...asked().bound.query, batch: true, statements: Array.from({ length: 50 }, (_, i) => ({ sql: `select ${i}`, params: [] })) }
    const { letter, slack } = all(asked({ query }), true)
    expect(letter.text).toContain('a transaction of 50 statements')
    expect(letter.text).toContain('Statement 3 of 50')
    expect(letter.text).toContain('47 statements more: open the page for all of it')
    expect(slack.blocks.length).toBeLessThanOrEqual(50)
  })
  test('names of tables, rules, people and approvers do not burst a field', () => {
    const long = '&'.repeat(200)
    const request = asked({
      accesses: Array.from({ length: 100 }, (_, i) => ({ action: 'select', resource: `public.${long}${i}`, columns: null, via: [], statement: 0 })), subject: { id: `agent:${long}`, kind: 'agent', groups: [] },
      actors: Array.from({ length: 20 }, (_, i) => ({ id: `agent:${i}${long}`, kind: 'agent' as const, groups: [] })),
      demands: Array.from({ length: 9 }, (_, i) => ({ by: Array.from({ length: 30 }, (_, j) => `${i}${j}${long}`), quorum: 1, withinMs: 1, rule: Array.from({ length: 30 }, (_, j) => `${long}${j}`).join(', ') })),
    })
    const { texts, letter } = all(request)
    for (const text of texts) expect(text.length).toBeLessThanOrEqual(2000)
    expect(letter.text).toMatch(/select .* and \d+ more\n/)
  })
  test('two names that begin alike are two, however long', () => {
    const accesses = ['a', 'b'].map((end) => ({ action: 'delete', resource: `public.${'x'.repeat(200)}${end}`, columns: null, via: [], statement: 0 }))
    expect(all(asked({ accesses })).letter.text.match(/delete public/g)).toHaveLength(2)
  })
  test('a name that holds a line end or markup stays a name', () => {
    const { texts, letter } = all(asked({ subject: { id: 'agent:<!channel>\nRule: none', kind: 'agent', groups: [] }, accesses: [{ action: 'select', resource: 'public.<b>\u202ex', columns: null, via: [], statement: 0 }] }))
    expect(texts.join('\n')).toContain('agent:&lt;!channel&gt;\\nRule: none')
    expect(texts.join('\n')).toContain('public.&lt;b&gt;\\u{202e}x')
    expect(letter.html).not.toContain('<b>')
  })
})
