import { describe, expect, test } from 'vitest'
import { giversOf } from '../../functions/decide/decide.ts'
import type { Caller } from '../../schema/caller.ts'
import { access, agent, ask, callerOf, obligations, policyOf, principal, role, verdict } from './world.ts'

const host = { version: 1, kind: 'connection', name: 'bastion', engine: 'ssh', secret: 's', logins: { '*': 'x' } }
const rule = (words: readonly string[], more: object = {}) => ({ allow: ['exec'], connection: 'bastion', on: [words], ...more })
const asking = (quorum: number, by = 'leads') => ({ approval: { by: [by], quorum, within: '30m' } })
const given = (roles: Readonly<Record<string, readonly object[]>>, line: string, caller: Caller = agent(...Object.keys(roles)), logins: object = host.logins) =>
  giversOf(policyOf({ ...host, logins }, ...Object.entries(roles).map(([name, rules]) => role(name, rules))), { caller, connection: 'bastion', context: { purpose: 'p', session: null, time: 0 } }, line)

describe('a command is given by the roles whose own rule allows it, and by no other that is held', () => {
  test('one of two, both, also where they say the same', () => {
    expect(given({ a: [rule(['uptime'])], b: [rule(['df', '-h'])] }, 'df -h')).toEqual(['b'])
    expect(given({ a: [rule(['df', '*'])], b: [rule(['df', '*'])], c: [rule(['df', '/srv'])], d: [rule(['uptime'])] }, 'df /srv')).toEqual(['a', 'b', 'c'])
  })
  test('not one whose condition does not hold, though another role gives it without', () => {
    expect(given({ a: [rule(['df', '-h'], { when: 'claims.level > 3' })], b: [rule(['df', '-h'])] }, 'df -h')).toEqual(['b'])
    expect(given({ a: [rule(['df', '-h'], { when: '"b" in subject.roles' })], b: [] }, 'df -h')).toEqual(['a'])
  })
  test('not one that would have asked people, or more of them, where another does not: its user is not reached without them', () => {
    expect(given({ a: [rule(['df', '-h'], asking(1))], b: [rule(['df', '-h'])] }, 'df -h')).toEqual(['b'])
    expect(given({ a: [rule(['df', '-h'], asking(2))], b: [rule(['df', '-h'], asking(1))], c: [rule(['df', '-h'], asking(1))] }, 'df -h')).toEqual(['b', 'c'])
  })
  test('of a chain those of whoever acts', () => {
    expect(given({ a: [rule(['df', '-h'])], b: [rule(['df', '-h'])] }, 'df -h', callerOf(principal('user:x', 'a'), principal('agent:y', 'b')))).toEqual(['b'])
  })
  test('where none gives it, all that are held, and of a connection that is not there none', () => {
    expect(given({ a: [rule(['uptime'])], b: [] }, 'df -h')).toEqual(['a', 'b'])
    expect(giversOf(policyOf(host), { caller: agent('a'), connection: 'none', context: { purpose: null, session: null, time: 0 } }, 'df')).toEqual([])
  })
  test('only those with one login: the first in order of name that has one of its own, else that of `*`', () => {
    const both = { a: [rule(['df', '-h'])], b: [rule(['df', '-h'])], c: [rule(['df', '-h'])] }
    expect(given(both, 'df -h', undefined, { b: 'x', '*': 'y' })).toEqual(['b'])
    expect(given(both, 'df -h', undefined, { b: 'x', c: 'x' })).toEqual(['b', 'c'])
    expect(given(both, 'df -h', undefined, { b: 'x', '*': 'x' })).toEqual(['a', 'b', 'c'])
    expect(given(both, 'df -h', undefined, { z: 'x', '*': 'y' })).toEqual(['a', 'b', 'c'])
    expect(given(both, 'df -h', undefined, { z: 'x' })).toEqual(['a', 'b', 'c'])
  })
})

describe('what a command may, it may by rules of roles with the login it runs as', () => {
  const decided = (logins: object | undefined, roles: Readonly<Record<string, readonly object[]>>) =>
    ask(policyOf({ ...host, logins }, ...Object.entries(roles).map(([name, rules]) => role(name, rules))), agent(...Object.keys(roles)), [access('exec', 'df -h')], { connection: 'bastion' })
  test('nobody approves it whom the role of another login names; without logins everybody whom a rule names', () => {
    const roles = { a: [rule(['df', '-h'], asking(1, 'leads'))], b: [rule(['df', '-h'], asking(1, 'interns'))] }
    expect(decided({ a: 'root', b: 'viewer' }, roles)).toMatchObject({ kind: 'ask', rules: ['a.rules[0]'], demands: [{ by: ['leads'] }] })
    expect(decided({ b: 'viewer', '*': 'nobody' }, roles)).toMatchObject({ kind: 'ask', rules: ['b.rules[0]'], demands: [{ by: ['interns'] }] })
    for (const logins of [undefined, { '*': 'viewer' }]) expect(decided(logins, roles)).toMatchObject({ kind: 'ask', demands: [{ by: ['interns', 'leads'] }] })
  })
  test('its limits are theirs, and what takes is of every role that is held', () => {
    const roles = { a: [rule(['df', '-h'], { limits: { bytes: 2048 } })], b: [rule(['df', '-h'])] }
    expect(obligations(decided({ a: 'root', b: 'viewer' }, roles)).limits.bytes).toBe(2048)
    expect(obligations(decided({ b: 'viewer' }, roles)).limits.bytes).toBeGreaterThan(2048)
    for (const taken of [{ deny: ['exec'], connection: 'bastion', on: [['df']] }, { ask: ['exec'], connection: 'bastion', ...asking(2) }]) expect(verdict(decided({ b: 'viewer' }, { ...roles, a: [...roles.a, taken] }))).toBe('deny' in taken ? 'denied_by_rule' : 'ask')
    expect(verdict(decided({ a: 'root' }, { a: [rule(['uptime'])], b: [rule(['uptime'])] }))).toBe('no_rule')
  })
})
