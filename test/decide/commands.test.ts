import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { commandLine, commandWords, isPlain } from '../../schema/command.ts'
import { foreclosed } from '../../functions/decide/decide.ts'
import { abilities } from '../../functions/decide/explain.ts'
import type { Policy } from '../../functions/decide/policy.ts'
import type { Caller } from '../../schema/caller.ts'
import { access, agent, ask, callerOf, policyOf, principal, role, shop, verdict } from './world.ts'

const host = (more: object = {}) => ({ version: 1, kind: 'connection', name: 'bastion', engine: 'ssh', secret: 'bastion-ssh', ...more })
const cluster = { version: 1, kind: 'connection', name: 'cluster', engine: 'kubernetes', secret: 'c', serviceAccounts: { '*': 'a/b' } }
const leads = { by: ['leads'], quorum: 1, within: '30m' }
const on = (...commands: readonly (readonly string[])[]) => ({ connection: 'bastion', on: commands })
const ruled = (...rules: readonly object[]): Policy => policyOf(host(), shop(), cluster, role('r', rules.map((rule) => ({ connection: 'bastion', ...rule }))))
const exec = (...words: readonly string[]) => access('exec', commandLine(words), null, { span: null })
const decided = (policy: Policy, words: readonly string[], caller: Caller = agent('r')) => ask(policy, caller, [exec(...words)], { connection: 'bastion' })
const judged = (policy: Policy, ...words: readonly string[]): string => verdict(decided(policy, words))
const detail = (policy: Policy, ...words: readonly string[]): string => { const decision = decided(policy, words); return decision.kind === 'deny' ? decision.refusal.detail : decision.kind }

describe('an allow', () => {
  test('covers the very words, and by a star one plain argument', () => {
    const policy = ruled({ allow: ['exec'], on: [['df', '-h'], ['systemctl', 'status', '*'], ['cp', '*', '/backup'], ['grep', 'a b', '*']] })
    for (const words of [['df', '-h'], ['systemctl', 'status', 'nginx'], ['systemctl', 'status', 'getty@tty1.service'], ['cp', '/x', '/backup'], ['grep', 'a b', 'x']]) expect([words, judged(policy, ...words)]).toEqual([words, 'permit'])
    for (const words of [
      ['df'], ['df', '-h', '/'], ['df', '-H'], ['Df', '-h'], ['/bin/df', '-h'], ['df -h'], ['systemctl', 'status'], ['systemctl', 'status', 'a', 'b'], ['systemctl', 'status', '-H'], ['systemctl', 'status', '*'], ['systemctl', 'status', 'a*'], ['systemctl', 'status', ''], ['systemctl', 'status', 'a b'],
      ['systemctl', 'stop', 'nginx'], ['systemctl status nginx'], ['env', 'df', '-h'], ['cp', '/x', '/backup/'], ['cp', '/x', '/backup', '/y'], ['cp', '--', '/x', '/backup'], ['grep', 'a', 'b', 'x'], ['grep', 'a  b', 'x'], ['grep', '\'a b\'', 'x'],
    ]) expect([words, judged(policy, ...words)]).toEqual([words, 'no_rule'])
  })
  test('of a star covers no star, and of a star that is quoted nothing', () => {
    const policy = ruled({ allow: ['exec'], on: [['ls', '*']] })
    expect([judged(policy, 'ls', '*'), judged(policy, 'ls', '\'*\''), judged(policy, 'ls', 'x')]).toEqual(['no_rule', 'no_rule', 'permit'])
  })
  test('of a star with a backslash covers that star, in a word too, and is no argument of any other kind', () => {
    const policy = ruled({ allow: ['exec'], on: [['find', '/x', '-name', '\\*.gz'], ['ls', '\\*'], ['ls', '*', 'b']] }, { deny: ['exec'], on: [['find', '/x', '-name', '\\*.gz', '-delete']] })
    expect([['find', '/x', '-name', '*.gz'], ['find', '/x', '-name', 'a.gz'], ['ls', '*'], ['ls', 'a'], ['ls', 'a', 'b'], ['ls', '*', 'b'], ['find', '/x', '-name', '*.gz', '-delete']].map((words) => judged(policy, ...words))).toEqual(['permit', 'no_rule', 'permit', 'no_rule', 'permit', 'no_rule', 'denied_by_rule'])
    expect(detail(policy, 'find', '/x', '-name', 'a.gz')).toContain('on `find /x -name \'*.gz\'`')
  })
  test('without `on`, with a name in place of words, or with words of a pattern gives nothing', () => {
    for (const rule of [{ allow: ['exec'] }, { allow: ['*'], on: ['*'] }, { allow: ['*'], on: ['*.*'] }, { allow: ['exec'], on: ['df'] }, { allow: ['exec'], on: ['df -h'] }, { allow: ['exec'], on: [['*']] }, { allow: ['exec'], on: [['*', '-h']] }, { allow: ['exec'], on: [['d*', '-h']] }, { allow: ['write', 'ddl', 'select', 'create'], on: [['df', '-h']] }, { allow: ['exec'], on: [['df', '-h']], columns: ['id'] }, { allow: ['exec'], on: [['df', '-h']], namespaces: ['web'] }, { allow: ['exec'], on: [['df', '-h']], names: ['*'] }]) {
      expect([rule, judged(ruled(rule, { allow: ['exec'], on: [['uptime']] }), 'df', '-h')]).toEqual([rule, 'no_rule'])
    }
  })
  test('roles add up, and what needs no approval settles it', () => {
    const policy = policyOf(host(), role('r', [{ allow: ['exec'], ...on(['df', '-h']) }]), role('s', [{ allow: ['exec'], ...on(['df', '*'], ['id']), approval: leads }]), role('t', [{ allow: ['exec'], ...on(['df', '/x']), approval: { ...leads, quorum: 2 } }]))
    const of = (words: readonly string[], ...groups: readonly string[]) => verdict(decided(policy, words, agent(...groups)))
    expect([of(['df', '-h'], 'r'), of(['id'], 'r'), of(['id'], 'r', 's'), of(['df', '/x'], 'r', 's'), of(['df', '-h'], 's'), of(['df', '-h'], 'r', 's')]).toEqual(['permit', 'no_rule', 'ask', 'ask', 'no_rule', 'permit'])
    expect(decided(policy, ['df', '/x'], agent('s', 't'))).toMatchObject({ kind: 'ask', demands: [{ by: ['leads'], quorum: 1 }] })
    expect(decided(policy, ['df', '/x'], agent('t'))).toMatchObject({ kind: 'ask', demands: [{ by: ['leads'], quorum: 2 }] })
  })
  test('no text but a command\'s own line is one', () => {
    const policy = ruled({ allow: ['exec'], on: [['df', '*'], ['df']] })
    for (const line of ['df  x', 'df x ', 'df \'x\'', 'df x;id', 'df\tx', 'df $x', '', 'df "x"']) expect([line, verdict(ask(policy, agent('r'), [access('exec', line, null)], { connection: 'bastion' }))]).toEqual([line, 'no_rule'])
  })
})

describe('a deny and an ask', () => {
  const all = { allow: ['exec'], on: [['systemctl', '*', '*'], ['systemctl', '*'], ['systemctl', 'stop', 'a b'], ['systemctl', 'stop', '-x', '--now'], ['df', '-h']] }
  test('meet every command that begins so, with any word where a star stands', () => {
    const policy = ruled(all, { deny: ['exec'], on: [['systemctl', 'stop']] }, { ask: ['exec'], on: [['systemctl', '*', 'nginx']], approval: leads })
    expect([['systemctl', 'stop'], ['systemctl', 'stop', 'x'], ['systemctl', 'stop', 'nginx'], ['systemctl', 'stop', 'a b'], ['systemctl', 'stop', '-x', '--now'], ['systemctl', 'start', 'nginx'], ['systemctl', 'start', 'x'], ['systemctl', 'stopped'], ['df', '-h']].map((words) => judged(policy, ...words)))
      .toEqual(['denied_by_rule', 'denied_by_rule', 'denied_by_rule', 'denied_by_rule', 'denied_by_rule', 'ask', 'permit', 'permit', 'permit'])
    expect(judged(ruled(all, { deny: ['exec'], on: [['systemctl', '*', '--now']] }), 'systemctl', 'stop', '-x', '--now')).toBe('permit')
    expect(judged(ruled(all, { deny: ['exec'], on: [['systemctl', '*', '*', '--now']] }), 'systemctl', 'stop', '-x', '--now')).toBe('denied_by_rule')
  })
  test.each([[{ deny: ['*'] }], [{ deny: ['exec'] }], [{ deny: ['*'], on: [['df']] }], [{ deny: ['exec'], on: ['df'] }], [{ deny: ['exec'], on: [['d*']] }], [{ deny: ['exec'], on: [['*']] }], [{ deny: ['*'], connection: '*' }], [{ deny: ['exec'], when: 'claims.nope == 1' }], [{ deny: ['exec'], namespaces: ['x'] }]])('%j denies, also what cannot be read', (rule) => {
    expect(judged(ruled(all, rule), 'df', '-h')).toBe('denied_by_rule')
  })
  test('of `write` or of databases say nothing of a command', () => {
    expect(judged(ruled(all, { deny: ['write', 'ddl', 'insert'] }, { ask: ['write'], approval: leads }), 'df', '-h')).toBe('permit')
  })
  test('`when` sees the line and the action', () => {
    const asking = (when: string) => ruled(all, { ask: ['exec'], when, approval: leads })
    expect(judged(asking('resource.startsWith("systemctl ") && action == "exec"'), 'systemctl', 'start', 'x')).toBe('ask')
    expect(judged(asking('resource.startsWith("systemctl ") && action == "exec"'), 'df', '-h')).toBe('permit')
    expect([['df', '-h'], ['systemctl', 'stop', 'a b']].map((words) => judged(ruled({ ...all, when: 'resource == "systemctl stop \'a b\'"' }), ...words))).toEqual(['condition_not_met', 'permit'])
    // nobody knows what a command makes of an object: an error is a match for what takes
    expect(judged(asking('object.spec.replicas > 1'), 'df', '-h')).toBe('ask')
  })
  test('demands of asks add up', () => {
    const policy = ruled(all, { ask: ['exec'], approval: leads }, { ask: ['*'], on: [['df']], approval: { by: ['owners'], quorum: 2, within: '5m' } })
    expect(decided(policy, ['df', '-h'])).toMatchObject({ kind: 'ask', demands: [{ by: ['leads'], quorum: 1 }, { by: ['owners'], quorum: 2 }] })
  })
})

describe('kinds of targets do not meet', () => {
  const everywhere = (rule: object) => policyOf(host(), shop(), cluster, role('r', [{ connection: '*', allow: ['*'], on: ['public.a', 'pods', ['df', '-h']] }, rule]))
  const each = (policy: Policy) => [judged(policy, 'df', '-h'), verdict(ask(policy, agent('r'), [access('select', 'public.a')])), verdict(ask(policy, agent('r'), [access('get', 'pods', null, { span: null, target: { namespace: 'web', name: null, needs: [] } })], { connection: 'cluster' }))]
  test('a list of words gives a command alone, and a name no command', () => {
    expect(each(everywhere({ allow: ['*'], on: [['public.a']] }))).toEqual(['permit', 'permit', 'permit'])
    const words = policyOf(host(), shop(), cluster, role('r', [{ connection: '*', allow: ['*'], on: [['public.a'], ['pods'], ['df', '-h']] }]))
    expect(each(words)).toEqual(['permit', 'no_rule', 'no_rule'])
    const names = policyOf(host(), shop(), cluster, role('r', [{ connection: ['bastion', 'shop', 'cluster'], allow: ['*'], on: ['public.a', 'pods', '*', '*.*', 'df -h'] }]))
    expect([...each(names), judged(names, 'public.a'), judged(names, 'pods')]).toEqual(['no_rule', 'permit', 'permit', 'no_rule', 'no_rule'])
  })
  test('a deny by connection takes from that one', () => {
    expect(each(everywhere({ connection: 'bastion', deny: ['*'], on: [['df']] }))).toEqual(['denied_by_rule', 'permit', 'permit'])
    expect(each(everywhere({ connection: ['shop', 'cluster'], deny: ['exec'] }))).toEqual(['permit', 'permit', 'permit'])
  })
  test('nothing of a host is the gate\'s own, nor the other way round', () => {
    const policy = policyOf(host(), role('r', [{ connection: '*', allow: ['*'], on: [['audit'], ['policy']] }, { connection: 'sluice', allow: ['*'], on: ['audit'] }]))
    expect(verdict(ask(policy, agent('r'), [access('read', 'audit', null)], { connection: 'sluice' }))).toBe('permit')
    expect(verdict(ask(policy, agent('r'), [access('read', 'policy', null)], { connection: 'sluice' }))).toBe('no_rule')
    expect([judged(policy, 'audit'), judged(policy, 'policy')]).toEqual(['permit', 'permit'])
    expect(judged(policyOf(host(), role('r', [{ connection: 'sluice', allow: ['*'], on: [['df', '-h']] }])), 'df', '-h')).toBe('no_rule')
  })
})

test('an act chain gets what each of it may', () => {
  const policy = policyOf(host(), role('r', [{ allow: ['exec'], ...on(['df', '-h'], ['id']) }]), role('s', [{ allow: ['exec'], ...on(['df', '*'], ['df', '-h']) }]))
  const chain = callerOf(principal('user:lena', 'r'), principal('agent:bot', 's'))
  expect([['df', '-h'], ['id'], ['df', '/']].map((words) => verdict(decided(policy, words, chain)))).toEqual(['permit', 'no_rule', 'no_rule'])
})

test('names that objects have by themselves are names like others', () => {
  for (const name of ['constructor', 'hasownproperty', 'valueof']) {
    const policy = policyOf(host({ name }), role(name, [{ connection: name, allow: ['exec'], on: [['__proto__', '*'], ['constructor'], ['toString', '__proto__']] }]))
    const of = (...words: readonly string[]) => verdict(ask(policy, agent(name), [exec(...words)], { connection: name }))
    expect([of('__proto__', 'x'), of('constructor'), of('toString', '__proto__'), of('toString'), of('valueOf'), of('__proto__')]).toEqual(['permit', 'permit', 'permit', 'no_rule', 'no_rule', 'no_rule'])
  }
})

test('no command shares what is remembered with another look-up', () => {
  const policy = policyOf(host(), host({ name: 'b' }), role('r', [{ connection: 'b', allow: ['exec'], on: [['exec', 'bastion', 'df'], ['bastion', 'exec', 'df']] }, { connection: 'bastion', allow: ['exec'], on: [['df']] }, { connection: '*', deny: ['exec'], on: [['s', 'exec']] }]))
  const of = (connection: string, ...words: readonly string[]) => verdict(ask(policy, agent('r'), [exec(...words)], { connection }))
  for (let turn = 0; turn < 2; turn++) {
    expect([of('b', 'exec', 'bastion', 'df'), of('b', 'bastion', 'exec', 'df'), of('bastion', 'df'), of('b', 'df'), of('bastion', 'exec', 'bastion', 'df'), of('b', 's', 'exec')]).toEqual(['permit', 'permit', 'permit', 'no_rule', 'no_rule', 'denied_by_rule'])
  }
})

describe('a refusal', () => {
  const policy = ruled({ allow: ['exec'], on: [['df', '-h'], ['systemctl', 'status', '*'], ...Array.from({ length: 20 }, (_, i) => ['a', `${i}`])] }, { connection: '*', allow: ['*'], on: ['public.a', 'pods', ['uptime']] })
  test('tells the nearest of the caller\'s commands, what a star is, and no name of another kind of target', () => {
    expect(detail(policy, 'systemctl', 'status', 'a b')).toBe('`exec` on `systemctl status \'a b\'` needs a rule that allows it; your roles allow `exec` on `systemctl status *`, `a 19`, `a 2`, `a 3`, `a 4`, `a 5`, `a 6`, `a 7`, `a 8`, `a 9`, `df -h`, `uptime` and 11 more; a `*` is one argument: no option, no space, nothing that a shell reads')
    expect(detail(policy, 'df', '-H')).toMatch(/your roles allow `exec` on `df -h`, /)
    expect(detail(policy, 'df', '-H')).not.toMatch(/public|pods/)
    expect(detail(ruled({ allow: ['exec'], on: [['df', '-h']] }), 'df')).toBe('`exec` on `df` needs a rule that allows it; your roles allow `exec` on `df -h`')
    expect(JSON.stringify(ask(policy, agent('r'), [access('select', 'public.b')]))).not.toMatch(/df -h|uptime/)
  })
  test('tells those of many that stand nearest, wherever they stand', () => {
    const many = ruled({ allow: ['exec'], on: Array.from({ length: 500 }, (_, i) => ['systemctl', 'restart', `unit-${String(i).padStart(3, '0')}`]) })
    for (const [asked, near] of [['unit-250x', 'unit-250'], ['unit-0', 'unit-00'], ['unit-999', 'unit-4'], ['', 'unit-0']] as const) expect(detail(many, 'systemctl', 'restart', asked)).toContain(`roles allow \`exec\` on \`systemctl restart ${near}`)
  })
  test('of a deny says the rule, not what would pass', () => {
    expect(decided(ruled({ allow: ['exec'], on: [['df']] }, { deny: ['exec'], on: [['df']] }), ['df'])).toMatchObject({ kind: 'deny', refusal: { reason: 'denied_by_rule', rule: 'r.rules[1]', next: 'none', action: 'exec', resource: 'df' } })
  })
})

test('a first look at a command is the last: no object could change it', () => {
  const look = (...words: readonly string[]) => foreclosed(ruled({ allow: ['exec'], on: [['df']] }), { caller: agent('r'), connection: 'bastion', effects: { accesses: [exec(...words)], shown: [], used: [], readOnly: false, fingerprint: '' }, reveal: [], context: { purpose: null, session: null, time: 0 } })?.refusal.reason ?? null
  expect([look('df'), look('id')]).toEqual([null, 'no_rule'])
})

test('`me` tells commands as lists of words, as the rule has them', () => {
  expect(abilities(ruled({ allow: ['exec'], on: [['df', '-h'], ['systemctl', 'status', '*']] }), agent('r')).find(({ connection }) => connection === 'bastion')?.principals[0]?.may).toEqual([{ rule: 'r.rules[0]', actions: ['exec'], on: [['df', '-h'], ['systemctl', 'status', '*']] }])
})

describe('against a matcher that reads every rule', () => {
  const word = fc.constantFrom('a', 'b', 'c', '-x', 'a b', '\'', '', '..', '@f')
  const star = fc.constantFrom('*', '*', 'a', 'b', '-x', 'a b')
  const command = fc.tuple(fc.constantFrom('a', 'b', 'p'), fc.array(word, { maxLength: 4 })).map(([first, rest]) => [first, ...rest])
  const pattern = fc.tuple(fc.constantFrom('a', 'b', 'p'), fc.array(star, { maxLength: 4 })).map(([first, rest]) => [first, ...rest])
  const rule = fc.record({ verb: fc.constantFrom('allow', 'allow', 'allow', 'deny', 'ask'), action: fc.constantFrom('exec', 'exec', '*', 'write'), connection: fc.constantFrom('bastion', 'bastion', '*', 'other'), patterns: fc.array(pattern, { minLength: 1, maxLength: 3 }), group: fc.constantFrom('r', 's') })
  interface One { readonly verb: string; readonly action: string; readonly connection: string; readonly patterns: readonly (readonly string[])[]; readonly group: string }
  const meets = ({ verb, action, connection, patterns }: One, words: readonly string[]): boolean => action !== 'write' && connection !== 'other' && patterns.some((pattern) => {
    if (verb === 'allow') return pattern.length === words.length && pattern.every((one, i) => one === '*' ? isPlain(words[i] ?? '') : one === words[i])
    return pattern.every((one, i) => i < words.length && (one === '*' || one === words[i]))
  })
  test('every command comes out the same', () => {
    const [host2, none] = [host({ name: 'other' }), { allow: ['exec'], on: [['never', 'asked']], connection: 'bastion' }]
    fc.assert(fc.property(fc.array(rule, { maxLength: 8 }), fc.array(command, { minLength: 1, maxLength: 6 }), fc.subarray(['r', 's']), (rules, commands, groups) => {
      const of = (group: string) => role(group, [none, ...rules.filter((one) => one.group === group).map(({ verb, action, connection, patterns }) => ({ [verb]: [action], connection, on: patterns, ...(verb === 'ask' ? { approval: leads } : {}) }))])
      const policy = policyOf(host(), host2, of('r'), of('s'))
      for (const words of commands) {
        const met = rules.filter((one) => groups.includes(one.group) && meets(one, words)).map(({ verb }) => verb)
        const expected = met.includes('deny') ? 'denied_by_rule' : !met.includes('allow') ? 'no_rule' : met.includes('ask') ? 'ask' : 'permit'
        expect([words, verdict(decided(policy, words, agent(...groups)))]).toEqual([words, expected])
      }
    }), { numRuns: 2000 })
  })
  test('a rule\'s own words are permitted by it, whatever they are, as long as no star stands there', () => {
    fc.assert(fc.property(fc.array(fc.string({ unit: 'binary', maxLength: 10 }), { minLength: 1, maxLength: 5 }), (words) => {
      fc.pre(!words.some((one) => one.includes('*') || one === '') && (() => { try { return commandWords(commandLine(words)) !== null } catch { return false } })())
      expect(judged(ruled({ allow: ['exec'], on: [words] }), ...words)).toBe('permit')
      expect(judged(ruled({ allow: ['exec'], on: [words] }), ...words, 'x')).toBe('no_rule')
    }), { numRuns: 500 })
  })
})
