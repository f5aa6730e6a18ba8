import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkDocuments } from '../../functions/decide/check/documents.ts'
import { foreclosed } from '../../functions/decide/decide.ts'
import type { Access, Target } from '../../schema/effects.ts'
import { kubernetesWrites, type Capability } from '../../schema/policy.ts'
import { access, agent, ask, effects, policyOf, role, shop, verdict } from './world.ts'

const cluster = (more: object = {}) => ({ version: 1, kind: 'connection', name: 'cluster', engine: 'kubernetes', secret: 'cluster-kubeconfig', serviceAccounts: { '*': 'sluice/reader' }, ...more })
const at = (action: Access['action'], resource: string, target: Partial<Target> = {}, more: Partial<Access> = {}): Access =>
  access(action, resource, null, { span: null, target: { namespace: 'web', name: null, needs: [], ...target }, ...more })
const ruled = (...rules: readonly object[]) => policyOf(cluster(), shop(), role('r', rules.map((rule) => ({ connection: 'cluster', ...rule }))))
const judged = (policy: ReturnType<typeof ruled>, ...accesses: readonly Access[]) => verdict(ask(policy, agent('r'), accesses, { connection: 'cluster' }))
const leads = { by: ['leads'], quorum: 1, within: '30m' }

describe('resources', () => {
  test.each([
    ['pods', 'pods', true], ['pods', 'pods/log', false], ['pods/log', 'pods/log', true], ['pods/*', 'pods/log', true], ['*', 'pods/log', true], ['*', 'apps/deployments/scale', true],
    ['apps/deployments', 'apps/deployments', true], ['apps/deployments', 'deployments', false], ['apps/*', 'apps/deployments', true], ['apps/*', 'apps/deployments/scale', false],
    ['*/*/scale', 'apps/deployments/scale', true], ['networking.k8s.io/ingresses', 'networking.k8s.io/ingresses', true], ['*.k8s.io/*', 'networking.k8s.io/ingresses', true],
    ['*', '/metrics', false], ['/metrics', '/metrics', true], ['/metrics/*', '/metrics/slis', true], ['public.pods', 'pods', false],
  ])('`on: [%s]` and `%s`: %s', (on, resource, allowed) => {
    expect(judged(ruled({ allow: ['get'], on: [on] }), at('get', resource))).toBe(allowed ? 'permit' : 'no_rule')
  })
  test('a rule for every connection reads a name as each connection has it', () => {
    const policy = policyOf(cluster(), shop(), role('r', [{ connection: '*', allow: ['*'], on: ['pods', 'public.orders'] }]))
    expect(judged(policy, at('get', 'pods'))).toBe('permit')
    expect(judged(policy, at('get', 'public.orders'))).toBe('no_rule')
    expect(verdict(ask(policy, agent('r'), [access('select', 'public.orders')]))).toBe('permit')
    expect(verdict(ask(policy, agent('r'), [access('select', 'pods')]))).toBe('no_rule')
  })
  test('a deny for every connection that is a name on some of them only takes everything, and `policy check` says so', () => {
    const denying = (on: string) => ({ connection: '*', deny: ['*'], on: [on] })
    const allowing = { connection: '*', allow: ['*'], on: ['*', '*.*'] }
    for (const on of ['customers', 'public.customers', 'secrets', '*.*']) {
      const policy = policyOf(cluster(), shop(), role('r', [allowing, denying(on)]))
      expect([verdict(ask(policy, agent('r'), [access('select', 'public.customers')])), judged(policy, at('get', 'pods'))]).toEqual(['denied_by_rule', 'denied_by_rule'])
      const { findings } = checkDocuments([{ path: 'a.yaml', document: cluster() }, { path: 'b.yaml', document: shop() }, { path: 'c.yaml', document: role('r', [allowing, denying(on)]) }])
      expect(findings.filter(({ level }) => level === 'error').map(({ message }) => message)).toEqual([`\`${on}\` is a name on some of these connections only, and elsewhere would take everything away; name the connections it is meant for`])
    }
  })
  test('what is dangerous is allowed by its whole name only, and denied by a star', () => {
    const exec = at('create', 'pods/exec', {}, { system: true })
    expect(['*', 'pods/*', 'p*/exec'].map((on) => judged(ruled({ allow: ['*'], on: [on] }), exec))).toEqual(['no_rule', 'no_rule', 'no_rule'])
    expect(judged(ruled({ allow: ['create'], on: ['pods/exec'] }), exec)).toBe('permit')
    expect(judged(ruled({ allow: ['create'], on: ['pods/exec'] }, { deny: ['*'], on: ['*'] }), exec)).toBe('denied_by_rule')
    expect(judged(ruled({ allow: ['create'], on: ['pods/exec'] }, { ask: ['write'], on: ['pods/*'], approval: leads }), exec)).toBe('ask')
  })
})

describe('verbs', () => {
  test('`write` is every verb that changes something; deletecollection is allowed by its own name alone, and denied and asked about by any', () => {
    const under = (rule: object) => kubernetesWrites.map((verb) => judged(ruled(rule), at(verb, 'pods')))
    expect(under({ allow: ['write'], on: ['pods'] })).toEqual(['permit', 'permit', 'permit', 'permit', 'no_rule'])
    expect(under({ allow: ['*'], on: ['pods'] })).toEqual(['permit', 'permit', 'permit', 'permit', 'no_rule'])
    expect(judged(ruled({ allow: ['deletecollection'], on: ['pods'] }), at('deletecollection', 'pods'))).toBe('permit')
    for (const group of ['write', '*']) {
      expect(judged(ruled({ allow: ['deletecollection'], on: ['pods'] }, { deny: [group] }), at('deletecollection', 'pods'))).toBe('denied_by_rule')
      expect(judged(ruled({ allow: ['deletecollection'], on: ['pods'] }, { ask: [group], approval: leads }), at('deletecollection', 'pods'))).toBe('ask')
    }
  })
  test('groups of SQL give and take nothing in a cluster, and the other way round', () => {
    const everywhere = (rule: object) => policyOf(cluster(), shop(), role('r', [{ connection: '*', ...rule }]))
    expect(judged(everywhere({ allow: ['ddl'], on: ['*'] }), at('create', 'pods'))).toBe('no_rule')
    const policy = everywhere({ allow: ['write'], on: ['*', '*.*'] })
    expect(verdict(ask(policy, agent('r'), [access('create', 'public.t')]))).toBe('no_rule')
    expect(verdict(ask(policy, agent('r'), [access('insert', 'public.t')]))).toBe('permit')
    expect(judged(policy, at('create', 'pods'))).toBe('permit')
  })
})

describe('namespaces and names', () => {
  const inWeb = { allow: ['*'], on: ['pods', 'nodes', 'secrets'], namespaces: ['web', 'web-*'] }
  test('an allow covers what is there, and never what is everywhere or nowhere', () => {
    const of = (target: Partial<Target>) => judged(ruled(inWeb), at('list', 'pods', target))
    expect([{ namespace: 'web' }, { namespace: 'web-2' }, { namespace: 'payroll' }, { namespace: null }, { namespace: null, clusterScoped: true as const }].map(of)).toEqual(['permit', 'permit', 'no_rule', 'no_rule', 'no_rule'])
    const named = ruled({ allow: ['get', 'list'], on: ['secrets'], names: ['app-*'] })
    expect([{ name: 'app-x' }, { name: 'db' }, { name: null }].map((target) => judged(named, at('get', 'secrets', target)))).toEqual(['permit', 'no_rule', 'no_rule'])
  })
  test('a deny meets every list that would show what it denies, and nothing that is in no namespace', () => {
    const all = { allow: ['*'], on: ['*'] }
    const of = (deny: object, target: Partial<Target>) => judged(ruled(all, { deny: ['*'], ...deny }), at('list', 'secrets', target))
    expect(of({ namespaces: ['payroll'] }, { namespace: null })).toBe('denied_by_rule')
    expect(of({ namespaces: ['payroll'] }, { namespace: 'web' })).toBe('permit')
    expect(of({ namespaces: ['payroll'] }, { namespace: null, clusterScoped: true })).toBe('permit')
    expect(of({ names: ['db'] }, { name: null })).toBe('denied_by_rule')
    expect(of({ names: ['db'] }, { name: 'app' })).toBe('permit')
  })
})

describe('permit', () => {
  const create = (...needs: readonly Capability[]) => at('create', 'apps/deployments', { needs })
  test('a pod template may do only what a rule that allows the write permits; rules add up, and so do their demands', () => {
    const plain = ruled({ allow: ['create'], on: ['apps/deployments'] })
    expect(judged(plain, create())).toBe('permit')
    expect(ask(plain, agent('r'), [create('secret-mount', 'privileged')], { connection: 'cluster' })).toMatchObject({ kind: 'deny', refusal: { reason: 'capability_not_permitted', next: 'fix',
      detail: '`create` on `apps/deployments` in namespace `web` holds a pod template that needs `secret-mount`, `privileged`: that wants a rule with `permit: [secret-mount, privileged]`; leave it out of the template, or ask for such a rule' } })
    const both = ruled({ allow: ['create'], on: ['apps/deployments'], permit: ['secret-mount'] }, { allow: ['create'], on: ['apps/deployments'], permit: ['privileged'], approval: leads })
    expect([create(), create('secret-mount'), create('secret-mount', 'privileged')].map((one) => judged(both, one))).toEqual(['permit', 'permit', 'ask'])
  })
  test('what a rule elsewhere permits counts for nothing here', () => {
    const policy = ruled({ allow: ['create'], on: ['apps/deployments'] }, { allow: ['create'], on: ['apps/deployments'], namespaces: ['ops'], permit: ['privileged'] })
    expect(judged(policy, create('privileged'))).toBe('capability_not_permitted')
  })
})

test('a rule reveals in the namespaces and under the names that it says, and nowhere else', () => {
  const shown = [{ resource: 'secrets', column: 'data.*', dataClass: 'kubernetes.secret', statement: 0, span: null, output: 0 }]
  const masks = (where: object, target: Partial<Target>, action: 'get' | 'list' = 'get') => {
    const decision = ask(ruled({ allow: ['get', 'list'], on: ['secrets'] }, { reveal: ['kubernetes.secret'], on: ['secrets'], ...where }), agent('r'), effects([at(action, 'secrets', target)], { shown }), { connection: 'cluster' })
    return decision.kind === 'permit' ? decision.permit.obligations.masks[0] : decision.kind
  }
  expect([masks({ namespaces: ['web'] }, { name: 'a' }), masks({ namespaces: ['web'] }, { namespace: 'kube-system', name: 'a' }), masks({ namespaces: ['web'] }, { namespace: null }, 'list')]).toEqual([null, 'redact', 'redact'])
  expect([masks({ names: ['a'] }, { name: 'a' }), masks({ names: ['a'] }, { name: 'b' }), masks({ names: ['a'] }, {}, 'list')]).toEqual([null, 'redact', 'redact'])
  expect([masks({}, { namespace: 'kube-system', name: 'b' }), masks({}, { namespace: null }, 'list')]).toEqual([null, null])
})

describe('conditions over the object', () => {
  const scaling = (from: number, to: number): Partial<Target> => ({ name: 'front', oldObject: { spec: { replicas: from } }, object: { spec: { replicas: to } } })
  const rules = [{ allow: ['write'], on: ['apps/deployments', 'apps/deployments/scale'] }, { ask: ['write'], on: ['apps/*', 'apps/deployments/scale'], when: 'object.spec.replicas > oldObject.spec.replicas', approval: leads }]
  test('scaling out asks and scaling in does not, whichever way it is done', () => {
    for (const [verb, resource] of [['patch', 'apps/deployments/scale'], ['update', 'apps/deployments/scale'], ['patch', 'apps/deployments'], ['update', 'apps/deployments']] as const) {
      expect([judged(ruled(...rules), at(verb, resource, scaling(2, 3))), judged(ruled(...rules), at(verb, resource, scaling(3, 2)))]).toEqual(['ask', 'permit'])
    }
  })
  test('numbers are integers, as the condition writes them', () => {
    const policy = ruled({ allow: ['patch'], on: ['apps/deployments'], when: 'object.spec.replicas + 1 <= 4 && object.spec.replicas * 2 == 6' })
    expect(judged(policy, at('patch', 'apps/deployments', scaling(1, 3)))).toBe('permit')
  })
  test('an object that is not known is an error: no match for what gives, a match for what takes', () => {
    expect(judged(ruled({ allow: ['patch'], on: ['pods'], when: 'object.metadata.name == "x"' }), at('patch', 'pods'))).toBe('condition_not_met')
    const changing = (...changed: readonly string[]) => at('patch', 'pods', { changed })
    const scaling = 'changed.all(path, path == "spec.replicas")'
    expect([changing(), changing('spec.replicas'), changing('spec.image', 'spec.replicas'), changing('spec\\.replicas'), at('patch', 'pods')].map((one) => judged(ruled({ allow: ['patch'], on: ['pods'], when: scaling }), one))).toEqual(['permit', 'permit', 'condition_not_met', 'condition_not_met', 'condition_not_met'])
    expect([changing('spec.replicas'), at('patch', 'pods')].map((one) => judged(ruled({ allow: ['patch'], on: ['pods'] }, { deny: ['patch'], when: `!(${scaling})` }), one))).toEqual(['permit', 'denied_by_rule'])
    expect(judged(ruled({ allow: ['patch'], on: ['pods'] }, { deny: ['patch'], when: 'object.metadata.name == "x"' }), at('patch', 'pods'))).toBe('denied_by_rule')
  })
  test('a first look refuses only what no object could change, and permits nothing', () => {
    const look = (rules: readonly object[], one: Access) => foreclosed(ruled(...rules), { caller: agent('r'), connection: 'cluster', effects: effects([one]), reveal: [], context: { purpose: null, session: null, time: 0 } })?.refusal.reason ?? null
    expect(look(rules, at('patch', 'apps/deployments'))).toBe(null)
    expect(look([{ allow: ['patch'], on: ['pods'], when: 'object.a == 1' }], at('patch', 'pods'))).toBe(null)
    expect(look([{ allow: ['patch'], on: ['pods'], when: 'changed.all(path, path == "spec.replicas")' }], at('patch', 'pods'))).toBe(null)
    expect(look([{ allow: ['patch'], on: ['pods'] }, { deny: ['patch'], when: 'object.a == 1' }], at('patch', 'pods'))).toBe(null)
    expect(look([{ allow: ['patch'], on: ['pods'] }, { deny: ['patch'] }], at('patch', 'pods'))).toBe('denied_by_rule')
    expect(look([{ allow: ['patch'], on: ['pods'], when: 'subject.kind == "user"' }], at('patch', 'pods'))).toBe('condition_not_met')
    expect(look(rules, at('patch', 'apps/statefulsets'))).toBe('no_rule')
  })
})

test('a deny never widens, in a cluster either', () => {
  const pick = (...names: readonly string[]) => fc.constantFrom(...names)
  const rule = fc.record({ on: fc.array(pick('pods', 'pods/*', '*', 'apps/*', 'secrets'), { minLength: 1, maxLength: 2 }), verbs: fc.array(pick('get', 'list', 'write', '*', 'delete', 'deletecollection'), { minLength: 1, maxLength: 2 }), namespaces: fc.option(fc.array(pick('web', 'w*', 'ops'), { minLength: 1, maxLength: 2 }), { nil: undefined }) })
  const asked = fc.record({ verb: pick('get', 'list', 'create', 'patch', 'delete', 'deletecollection'), resource: pick('pods', 'pods/exec', 'apps/deployments', 'secrets'), namespace: fc.option(pick('web', 'ops')), name: fc.option(pick('a', 'b')) })
  const said = (verb: 'allow' | 'deny') => ({ on, verbs, namespaces }: { on: string[]; verbs: string[]; namespaces: string[] | undefined }) => ({ [verb]: verbs, on, ...(namespaces ? { namespaces } : {}) })
  fc.assert(fc.property(fc.array(rule, { minLength: 1, maxLength: 3 }), rule, asked, (allows, deny, { verb, resource, namespace, name }) => {
    const one = at(verb as Access['action'], resource, { namespace, name }, { system: resource === 'pods/exec' })
    const before = judged(ruled(...allows.map(said('allow'))), one)
    const after = judged(ruled(...allows.map(said('allow')), said('deny')(deny)), one)
    if (before !== 'permit') expect(after).not.toBe('permit')
  }))
})

describe('what `policy check` says', () => {
  const findings = (connection: object, ...rules: readonly object[]) =>
    checkDocuments([{ path: 'c.yaml', document: connection }, { path: 'r.yaml', document: role('r', rules.map((rule) => ({ connection: 'cluster', ...rule }))) }]).findings.filter(({ level }) => level === 'error').map(({ message }) => message)
  test.each([
    [{ allow: ['select'], on: ['pods'] }, '`select` is an action of SQL, and none of the connections named here is'],
    [{ allow: ['get'], on: ['a/b/c/d'] }, '`a/b/c/d` is no resource of Kubernetes, such as `pods`, `pods/log` or `apps/deployments`'],
    [{ deny: ['get'], permit: ['privileged'] }, '`permit` belongs to an `allow`: it says what the pod templates it lets in may do'],
    [{ allow: ['get'], on: ['pods'], columns: ['x'] }, '`columns` is of SQL, and none of the connections named here is'],
  ])('%j', (rule, message) => {
    expect(findings(cluster(), rule)).toContain(message)
  })
  test('a connection of one engine with words of another', () => {
    expect(findings(cluster({ searchPath: ['public'] }))).toContain('`searchPath` means nothing to engine `kubernetes`')
    expect(findings(cluster({ serviceAccounts: undefined }))[0]).toContain('the connection has no `serviceAccounts`')
    expect(findings(cluster({ classify: { 'public.a.b': 'pii.x' } }))).toContain('`public.a.b` is no path of a kind; write `resource:path`, such as `configmaps:data.password`')
  })
})
