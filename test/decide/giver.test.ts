import { describe, expect, test } from 'vitest'
import { giversOf } from '../../functions/decide/giver.ts'
import type { Caller } from '../../schema/caller.ts'
import { agent, callerOf, policyOf, principal, role } from './world.ts'

const host = { version: 1, kind: 'connection', name: 'bastion', engine: 'ssh', secret: 's' }
const rule = (words: readonly string[], more: object = {}) => ({ allow: ['exec'], connection: 'bastion', on: [words], ...more })
const asking = (quorum: number) => ({ approval: { by: ['leads'], quorum, within: '30m' } })
const given = (roles: Readonly<Record<string, readonly object[]>>, line: string, caller: Caller = agent(...Object.keys(roles))) =>
  giversOf(policyOf(host, ...Object.entries(roles).map(([name, rules]) => role(name, rules))), { caller, connection: 'bastion', context: { purpose: 'p', session: null, time: 0 } }, line)

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
})
