import { describe, expect, test } from 'vitest'
import { foresee } from '../../functions/decide/hindsight.ts'
import type { Told } from '../../schema/told.ts'
import { policyOf, role } from './world.ts'

const host = (more: object = {}) => ({ version: 1, kind: 'connection', name: 'bastion', engine: 'ssh', secret: 's', ...more })
const who = { issuer: 'local', subject: 'agent:bot', actors: [], groups: ['r'], roles: ['r'] }
const base = { id: 'evt_01KAR0V2G00000000000000010', at: '2026-11-22T09:00:00.000Z', evaluation: 'eval_1', session: 'ses_1', who, connection: 'bastion', policy: 'p' }
const ran = (line: string, named: string, more: Partial<Told> = {}): Told =>
  ({ ...base, kind: 'intent', statements: [{ sql: line, params: [] }], purpose: null, accesses: [{ action: 'exec', resource: named }], rules: ['r.rules[0]'], masks: {}, revealed: [], ...more })
const rule = (verb: 'allow' | 'deny', ...on: readonly (readonly string[])[]) => ({ [verb]: ['exec'], connection: 'bastion', on })
const status = ran('systemctl status cron', 'systemctl status *')
const look = (event: Told, rules: readonly object[], connection = host()) => { const found = foresee(policyOf(connection, role('r', rules)), event); return found && { would: found.would, changes: found.changes, cannot: found.cannot } }

describe('a command on record under another policy is decided by its line, not by what of it stands in clear', () => {
  test('stays, is refused, is permitted', () => {
    expect(look(status, [rule('allow', ['systemctl', 'status', '*'])])).toEqual({ would: 'permit', changes: false, cannot: null })
    expect(look(status, [rule('allow', ['systemctl', 'status', 'cron'])])).toEqual({ would: 'permit', changes: false, cannot: null })
    expect(look(status, [rule('allow', ['systemctl', 'status', 'nginx'])])).toEqual({ would: 'deny', changes: true, cannot: null })
    expect(look(status, [rule('allow', ['systemctl', 'status', '*']), rule('deny', ['systemctl'])])).toEqual({ would: 'deny', changes: true, cannot: null })
    const refused: Told = { ...ran('df -h', '* *'), kind: 'refusal', refusal: { slug: 'denied', reason: 'no_rule' } }
    expect(look(refused, [rule('allow', ['df', '-h'])])).toEqual({ would: 'permit', changes: true, cannot: null })
  })
  test('a request by the statement it asked for', () => {
    const asked: Told = { ...base, kind: 'request', request: 'arq_1', change: { statements: ['systemctl restart cron'], purpose: null, accesses: [{ action: 'exec', resource: 'systemctl restart *' }], masks: {}, demands: [{ by: ['leads'], quorum: 1, rule: 'r.rules[0]' }] } }
    expect(look(asked, [{ ...rule('allow', ['systemctl', 'restart', '*']), approval: { by: ['leads'], quorum: 1, within: '30m' } }])).toEqual({ would: 'ask', changes: false, cannot: null })
    expect(look(asked, [rule('allow', ['systemctl', 'restart', 'cron'])])).toEqual({ would: 'permit', changes: true, cannot: null })
  })
  test('cannot be told where the line is erased, was redacted or is no command', () => {
    const all = [rule('allow', ['systemctl', 'status', '*']), rule('allow', ['mysql', '-p[redacted: secret]'])]
    const { statements: _erased, ...gone } = status
    for (const event of [gone, ran('mysql \'-p[redacted: secret]\'', 'mysql *'), ran('a  b', 'a *')]) expect(look(event, all)).toMatchObject({ would: null, cannot: expect.stringContaining('command') as string })
  })
  test('whom the new policy gives no login is refused', () => {
    const allow = [rule('allow', ['systemctl', 'status', '*'])]
    expect(look(status, allow, host({ logins: { other: 'deploy' } }))).toMatchObject({ would: 'deny', changes: true })
    expect(look(status, allow, host({ logins: { '*': 'deploy' } }))).toMatchObject({ would: 'permit', changes: false })
  })
  test('as another user it is another deed, and that is told; what a secret says is not compared', () => {
    const allow = [rule('allow', ['systemctl', 'status', '*'])]
    const as = (diff: string, logins?: object) => { const found = foresee(policyOf(host(logins === undefined ? {} : { logins }), role('r', allow)), { ...status, diff }); return [found?.would, found?.login, found?.changes] }
    const place = '\non h, port 22'
    expect(as(`as viewer${place}`, { r: 'root' })).toEqual(['permit', { from: 'viewer', to: 'root' }, true])
    expect(as(`as viewer${place}`, { r: 'viewer' })).toEqual(['permit', null, false])
    for (const [diff, logins] of [[`as viewer${place}`, undefined], [`as the login of its secret${place}`, { r: 'root' }], ['-a: as x\n', { r: 'root' }]] as const) expect(as(diff, logins)).toEqual(['permit', null, false])
    expect(foresee(policyOf(host({ logins: { a: 'root', r: 'viewer' } }), role('a', [], [{ group: 'r' }]), role('r', allow)), { ...status, diff: `as viewer${place}` })).toMatchObject({ login: null, changes: false })
    const asked: Told = { ...base, kind: 'request', request: 'arq_1', change: { statements: ['uptime'], purpose: null, accesses: [{ action: 'exec', resource: 'uptime' }], masks: {}, diff: `as viewer${place}`, demands: [{ by: ['leads'], quorum: 1, rule: 'r.rules[0]' }] } }
    expect(foresee(policyOf(host({ logins: { r: 'root' } }), role('r', [{ ...rule('allow', ['uptime']), approval: { by: ['leads'], quorum: 1, within: '30m' } }])), asked)).toMatchObject({ would: 'ask', login: { from: 'viewer', to: 'root' }, changes: true })
  })
})
