import { describe, expect, test } from 'vitest'
import { check, platform, role, shop } from './files.ts'

const asks = (by: string) => role(`{ allow: [select], connection: shop, on: [public.a], approval: { by: [${by}] } }`)
const of = (by: string, ...notify: readonly string[]) =>
  check({ 'p.yaml': platform, 'r.yaml': asks(by), 'shop.yaml': shop, ...Object.fromEntries(notify.map((text, i) => [`n${i}.yaml`, `version: 1\nkind: notify\nname: n${i}\n${text}\n`])) }).lines

describe('who is told', () => {
  test('an approver group without a place is warned of once, with what to write', () => {
    expect(of('leads')).toEqual([expect.stringContaining('r.yaml:6:75: warning: nobody is told of what waits for `leads`; write a document `kind: notify` with `group: leads` and `slack` or `mail`')])
  })
  test('a person without an address likewise', () => expect(of('"user:ann"').join('\n')).toContain('warning: nobody is told of what waits for `user:ann`; write a document `kind: notify` with `subject: user:ann`'))
  test('a person with one is told there', () => expect(of('"user:ann@acme.dev"')).toEqual([]))
  test('a place is a place', () => {
    expect(of('leads', 'group: leads\nslack: C0123456')).toEqual([])
    expect(of('leads', 'group: leads\nmail: [leads@acme.dev]')).toEqual([])
  })
  test('people alone tell nobody', () => expect(of('leads', 'group: leads\npeople: { U0123456: "user:ann@acme.dev" }').join('\n')).toContain('nobody is told'))
})

describe('a notify document', () => {
  const place = 'slack: C0123456'
  test.each([
    [`group: leads\nsubject: user:a@acme.dev\n${place}`, 'error: a `notify` is for one approver'],
    [place, 'error: a `notify` is for one approver'],
    ['group: leads', 'error: this `notify` says no place'],
    [`group: led\n${place}`, 'n0.yaml:4:8: warning: no rule asks `led` for approval; there is `leads`'],
    [`subject: agent:x\n${place}`, 'error: who is told is a person, `user:…`'],
    ['group: leads\nslack: "#leads"', 'error: a Slack channel is given by its id'],
    ['group: leads\nmail: ["Leads <leads@acme.dev>"]', 'error: a mail address is like'],
    ['group: leads\nmail: ["a@acme.dev,b@acme.dev"]', 'error: a mail address is like'],
    ['group: leads\nmail: ["a@acme.dev\\r\\nbcc: b@acme.dev"]', 'error: a mail address is like'],
    ['group: leads\nmail: ["a@acme.dev\\n"]', 'error: a mail address is like'],
    [`group: leads\n${place}\npeople: { lena: "user:lena@acme.dev" }`, 'error: a Slack user is given by their id'],
    [`group: leads\n${place}\npeople: { U0123456: "agent:x" }`, 'error: a Slack user is a person'],
    [`group: leads\n${place}\nmails: [a@acme.dev]`, 'error: unknown key `mails`; did you mean `mail`?'],
  ])('%j', (text, expected) => expect(of('leads', text).join('\n')).toContain(expected))
  test('one Slack user is one person', () => {
    const people = (name: string) => `group: leads\n${place}\npeople: { U0123456: "user:${name}@acme.dev" }`
    expect(of('leads', people('ann'), people('bob')).join('\n')).toContain('error: the Slack user `U0123456` is `user:ann@acme.dev` in another place')
    expect(of('leads', people('ann'), people('ann'))).toEqual([])
  })
  test('how much is told is one of two words', () => {
    expect(check({ 'p.yaml': platform, 'shop.yaml': shop, 'r.yaml': role('{ allow: [select], connection: shop, on: [public.a], approval: { by: [leads], notify: all } }') }).lines.join('\n')).toContain('error: `all` is not known here')
  })
})
