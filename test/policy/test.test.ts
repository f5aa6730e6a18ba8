import { expect, test } from 'vitest'
import { outcomeLines, testSource } from '../../functions/cli/policy/test.ts'
import { readYaml } from '../../functions/cli/policy/yaml.ts'
import type { Protocol } from '../../functions/protocol/protocol.ts'
import type { PolicyDocument } from '../../schema/policy.ts'
import { access, effects, policyOf, role, shop } from '../decide/world.ts'

const bastion: PolicyDocument = { version: 1, kind: 'connection', name: 'bastion', engine: 'ssh', secret: 'bastion-ssh' }
const policy = policyOf(bastion, shop(), role('r', [{ allow: ['select'], on: ['public.customers'] }, { allow: ['insert'], on: ['public.a'], approval: { by: ['leads'] } },
  { allow: ['exec'], connection: 'bastion', on: [['systemctl', 'status', '*'], ['grep', 'a b', '/var/log/mail.log']] }]))
const run = async (cases: string, classify: Protocol['classify'] | null = null, its = policy) => {
  const outcomes = await testSource(its, readYaml('x.test.yaml', `version: 1\nkind: test\nconnection: shop\ncases:\n${cases}`), classify)
  return { statuses: outcomes.map((outcome) => outcome.status), lines: outcomeLines(outcomes).join('\n') }
}
const one = (rest: string, who = '{ subject: agent:x, groups: [r] }') => `  - name: t\n    who: ${who}\n    ${rest.replaceAll('\n', '\n    ')}\n`
const read = 'accesses: [{ action: select, on: public.customers, columns: [id, email] }]'

test('a case that comes out as it says passes', async () => {
  expect(await run(one(`${read}\nexpect: permit\nrule: r.rules[0]\nmasks: { public.customers.email: email }`))).toEqual({ statuses: ['passed'], lines: '1 passed, 0 failed, 0 skipped' })
  expect((await run(one('accesses: [{ action: insert, on: public.a }]\nexpect: ask\napprovers: [leads]'))).statuses).toEqual(['passed'])
  expect((await run(one('accesses: [{ action: select, on: public.b }]\nexpect: deny\nreason: no_rule'))).statuses).toEqual(['passed'])
})
test.each([
  ['the words of a rule, one of them any', 'command: [systemctl, status, front]\nconnection: bastion\nexpect: permit'], ['the same as one line', 'accesses: [{ action: exec, on: systemctl status front }]\nconnection: bastion\nexpect: permit'],
  ['a word in quotes', 'command: [grep, a b, /var/log/mail.log]\nconnection: bastion\nexpect: permit'], ['the same, as the gate writes it', 'accesses: [{ action: exec, on: "grep \'a b\' /var/log/mail.log" }]\nconnection: bastion\nexpect: permit'],
  ['an option is not any word', 'command: [systemctl, status, -H]\nconnection: bastion\nexpect: deny\nreason: no_rule'],
])('a command: %s', async (_, rest) => expect(await run(one(rest))).toMatchObject({ statuses: ['passed'] }))
test.each([
  [`${read}\nexpect: deny`, 'expected deny, got permit'],
  [`${read}\nexpect: permit\nmasks: { public.customers.email: clear }`, 'expected `public.customers.email` to come out clear, got email'],
  [`${read}\nexpect: permit\nmasks: { public.customers.phone: email }`, 'expected `public.customers.phone` to come out (email); it does not'],
  [`${read}\nexpect: permit\nrule: r.rules[1]`, 'expected r.rules[1] to take part; it was r.rules[0]'],
  ['accesses: [{ action: insert, on: public.a }]\nexpect: ask\napprovers: [dba]', 'expected the approvers dba, got leads'],
  ['accesses: [{ action: select, on: public.b }]\nexpect: permit', 'agent:x: select on public.b: no rule'],
  ['accesses: [{ action: select, on: public.customers, uses: [email] }]\nexpect: deny\nreason: no_rule', 'expected the reason no_rule, got classified_use'],
  ['accesses: [{ action: select, on: public.a }]\nconnection: shp\nexpect: deny', 'the policy has no connection `shp`'],
  ['expect: deny', 'a case needs `sql`, `accesses` or `command`, one of them'],
  [`${read}\ncommand: [df, -h]\nexpect: deny`, 'one of them'],
  ['command: [df, -h]\nexpect: deny', '`command` is of a host, and the connection `shop` is not reached by SSH'],
  ['command: [df, -h]\nconnection: sluice\nexpect: deny', '`command` is of a host, and the connection `sluice` is not reached by SSH'],
  ['command: [head, -n, 50]\nconnection: bastion\nexpect: deny', '`cases.0.command.2`: a word is text; put quotes around a number'],
  ['command: ["a\\nb"]\nconnection: bastion\nexpect: deny', 'is no command: it names no program, or holds what no argument may'],
  ['command: [-c]\nconnection: bastion\nexpect: deny', 'is no command'],
  ['accesses: [{ action: exec, on: "df  -h" }]\nconnection: bastion\nexpect: deny', '`exec` on `df  -h` is no command as it would be asked for; write its words'],
  ['accesses: [{ action: select, on: public.orders }]\nconnection: bastion\nexpect: deny', '`select` on `public.orders` is nothing that is asked for; write its words'],
  ['command: [df, -h]\nconnection: bastion\nexpect: permit', 'agent:x: exec on df -h: no rule'],
  [`${read}\nexpect: yes`, '`cases.0.expect`'],
  [`${read}\nexpect: permit\nmask: {}`, 'Unrecognized key'],
])('a case that does not says what came instead: %s', async (rest, expected) => {
  const { statuses, lines } = await run(one(rest))
  expect(statuses).not.toContain('passed')
  expect(lines).toContain(expected)
  expect(lines).toMatch(/^x\.test\.yaml:\d+: failed: /)
})
test('a command of whoever has no login there is refused before any rule, as the gate does', async () => {
  const held = policyOf({ ...bastion, logins: { r: 'deploy' } }, role('r', [{ allow: ['exec'], connection: 'bastion', on: [['uptime']] }]), role('s', [{ allow: ['exec'], connection: 'bastion', on: [['uptime']] }]))
  const status = async (group: string, expected: string, more = '', policy = held) => (await run(one(`command: [uptime]\nconnection: bastion\nexpect: ${expected}${more}`, `{ subject: agent:x, groups: [${group}] }`), null, policy)).statuses
  expect(await status('r', 'permit')).toEqual(['passed'])
  expect(await status('s', 'permit')).toEqual(['failed'])
  expect(await status('s', 'deny', '\nreason: no_login')).toEqual(['passed'])
  // A login is of the role that gives the command, not of one that is held beside.
  const beside = policyOf({ ...bastion, logins: { r: 'deploy' } }, role('r', [{ allow: ['exec'], connection: 'bastion', on: [['df']] }]), role('s', [{ allow: ['exec'], connection: 'bastion', on: [['uptime']] }]))
  expect(await status('r, s', 'deny', '\nreason: no_login', beside)).toEqual(['passed'])
})
test('an actor is judged too', async () => {
  expect((await run(one(`${read}\nexpect: deny`, '{ subject: "user:l", groups: [r], actors: [{ subject: agent:y }] }'))).statuses).toEqual(['passed'])
})
test('`sql` is classified by whatever is at hand, and skipped, never passed, where nothing is', async () => {
  const sql = one('sql: select id from customers\nexpect: permit')
  expect(await run(sql)).toMatchObject({ statuses: ['skipped'] })
  const known: Protocol['classify'] = async () => ({ ok: true, value: { effects: effects([access('select', 'public.customers')]), plan: {} } })
  expect(await run(sql, known)).toMatchObject({ statuses: ['passed'] })
  const unknown: Protocol['classify'] = async () => ({ ok: false, refusal: { slug: 'statement-unsupported', reason: 'unknown_function', detail: 'no', next: 'fix' } })
  expect((await run(sql, unknown)).lines).toContain('the statement is refused before any rule: no (unknown_function)')
  expect(await run(one('sql: x\nexpect: deny\nreason: unknown_function'), unknown)).toMatchObject({ statuses: ['passed'] })
})
