import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { classify } from '../../../functions/protocol/kubernetes/classify.ts'
import type { Dry } from '../../../functions/protocol/kubernetes/plan.ts'
import { readRequest } from '../../../functions/protocol/kubernetes/request.ts'
import { accesses, apply, json, judged, merge, patch, rbac, strategic, web } from './judged.ts'

describe('accesses', () => {
  test.each([
    ['GET', `${web}/pods`, ['list pods web/-']], ['GET', '/api/v1/pods', ['list pods -/-']], ['GET', `${web}/pods?watch=1&fieldSelector=metadata.name=x`, ['watch pods web/x']], ['GET', `${web}/pods/x/log`, ['get pods/log web/x']], ['GET', '/api/v1/namespaces/web', ['get namespaces web/web']], ['GET', '/api/v1/nodes/n1', ['get nodes -/n1']],
    ['DELETE', `${web}/secrets`, ['deletecollection secrets web/-']], ['GET', '/version', []], ['GET', '/openapi/v3/apis/apps/v1', []], ['POST', `${web}/pods/x/exec?command=ls`, ['create pods/exec! web/x']], ['GET', `${web}/pods/x/exec?command=ls`, ['get pods/exec! web/x']],
    ['GET', `${web}/services/x/proxy/admin`, ['get services/proxy! web/x']], ['GET', '/api/v1/nodes/n/proxy/run', ['get nodes/proxy! -/n']], ['GET', '/api/v1/nodes/n/metrics', ['get nodes/metrics! -/n']], ['POST', `${web}/pods/x/portforward`, ['create pods/portforward! web/x']], ['GET', `${rbac}/clusterroles`, ['list rbac.authorization.k8s.io/clusterroles! -/-']],
    ['GET', '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations', ['list admissionregistration.k8s.io/mutatingwebhookconfigurations! -/-']], ['GET', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', ['list apiextensions.k8s.io/customresourcedefinitions! -/-']], ['GET', '/apis/acme.io/v1/namespaces/web/widgets/w', ['get acme.io/widgets web/w']],
  ])('%s %s', (method, target, expected) => { expect(accesses(method, target)).toEqual(expected) })
  test('of a create names the object in the body', () => {
    expect(accesses('POST', `${web}/configmaps`, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } })).toEqual(['create configmaps web/a'])
    expect(accesses('POST', `${web}/configmaps`, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { generateName: 'a-' } })).toEqual(['create configmaps web/-'])
    expect(accesses('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'kube-x' } })).toEqual(['create namespaces kube-x/kube-x'])
    expect(accesses('POST', `${web}/serviceaccounts/default/token`, { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} })).toEqual(['create serviceaccounts/token! web/default'])
  })
  test('of a scale say how many there are where the cluster leaves a zero out', () => {
    const target = judged('PATCH', '/apis/apps/v1/namespaces/web/deployments/d/scale', { spec: { replicas: 0 } }, merge, { dry: { object: { kind: 'Scale', spec: {} }, oldObject: { kind: 'Scale', spec: { replicas: 3 } } } }).effects.accesses[0]?.target
    expect([target?.object, target?.oldObject]).toEqual([{ kind: 'Scale', spec: { replicas: 0 } }, { kind: 'Scale', spec: { replicas: 3 } }])
    expect(judged('PATCH', '/apis/apps/v1/namespaces/web/deployments/d', { spec: { paused: true } }, merge, { dry: { object: { kind: 'Scale', spec: {} }, oldObject: null } }).effects.accesses[0]?.target?.object).toEqual({ kind: 'Scale', spec: {} })
  })
  test('of an apply that would create is a create too, once it is known or as long as nobody can tell', () => {
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } }
    expect(accesses('PATCH', `${web}/configmaps/a?force=true`, body, apply)).toEqual(['patch configmaps web/a'])
    expect(accesses('PATCH', `${web}/configmaps/a?force=true`, body, apply, { dry: { object: body, oldObject: null } })).toEqual(['patch configmaps web/a', 'create configmaps web/a'])
    expect(accesses('PATCH', `${web}/configmaps/a?force=true`, body, apply, { dry: {} })).toEqual(['patch configmaps web/a', 'create configmaps web/a'])
    expect(accesses('PATCH', `${web}/configmaps/a?force=true`, body, apply, { dry: { object: body, oldObject: body } })).toEqual(['patch configmaps web/a'])
    expect(accesses('PUT', `${web}/configmaps/a`, body, json, { dry: { object: body } })).toEqual(['update configmaps web/a', 'create configmaps web/a'])
  })
  test('of a Secret that becomes a token of an account is a token\'s too', () => {
    const owner = 'kubernetes.io/service-account.name', type = 'kubernetes.io/service-account-token'
    const token = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 't', annotations: { [owner]: 'admin' } }, type }
    const asToken = 'create serviceaccounts/token! web/admin'
    expect(accesses('POST', `${web}/secrets`, token)).toContain(asToken)
    expect(accesses('PATCH', `${web}/secrets/t?force=true`, token, apply, { dry: { object: token, oldObject: null } })).toContain(asToken)
    const opaque = { ...token, type: 'Opaque' }
    expect(accesses('PATCH', `${web}/secrets/t`, { metadata: { labels: { a: 'b' } } }, merge, { dry: { object: opaque, oldObject: opaque } })).not.toContain(asToken)
    expect(accesses('PATCH', `${web}/secrets/t`, { metadata: { annotations: { [owner]: 'admin' } } }, merge, { dry: { object: opaque, oldObject: opaque } })).toContain(asToken)
    const other = { ...token, metadata: { name: 't', annotations: { [owner]: 'web' } } }
    expect(accesses('PATCH', `${web}/secrets/t`, [{ op: 'replace', path: `/metadata/annotations/${owner.replace('/', '~1')}`, value: 'admin' }], patch, { dry: { object: token, oldObject: other } })).toContain(asToken)
    expect(accesses('PATCH', `${web}/secrets/t`, [{ op: 'copy', from: '/metadata/labels/a', path: `/metadata/annotations/${owner.replace('/', '~1')}` }], patch, { dry: { object: token, oldObject: other } })).toContain(asToken)
    expect(accesses('PATCH', `${web}/secrets/t`, { metadata: { labels: { a: 'b' } } }, merge, { dry: { object: token, oldObject: token } })).toEqual(['patch secrets web/t'])
    expect(accesses('POST', `${web}/secrets`, { apiVersion: 'v1', kind: 'Secret', metadata: { name: 't' }, type: 'Opaque' })).toEqual(['create secrets web/t'])
  })
  test('what is not carried fails only where it would be allowed', () => {
    expect(judged('GET', `${web}/pods/x/proxy/admin?anything=1`).fails?.reason).toBe('not_carried')
    expect(judged('GET', `${web}/pods/x/exec?command=sh`).fails?.reason).toBe('upgrade')
    expect(judged('POST', `${web}/pods/x/exec?command=ls`).fails).toBeUndefined()
  })
})

describe('what roles hand on', () => {
  const role = (rules: unknown, metadata: object = {}) => ({ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name: 'r', ...metadata }, rules })
  const escalates = (body: object) => accesses('POST', `${rbac}/clusterroles`, body).includes('create rbac.authorization.k8s.io/clusterroles/escalate! -/r')
  test.each([
    ['reads pods', [{ apiGroups: [''], resources: ['pods', 'pods/log'], verbs: ['get', 'list'] }], false], ['every verb', [{ apiGroups: [''], resources: ['pods'], verbs: ['*'] }], true], ['every group', [{ apiGroups: ['*'], resources: ['pods'], verbs: ['get'] }], true], ['every resource', [{ apiGroups: [''], resources: ['*'], verbs: ['get'] }], true],
    ['any subresource', [{ apiGroups: [''], resources: ['*/scale'], verbs: ['get'] }], true], ['impersonate', [{ apiGroups: [''], resources: ['users'], verbs: ['impersonate'] }], true], ['secrets', [{ apiGroups: [''], resources: ['secrets'], verbs: ['get'] }], true], ['exec', [{ apiGroups: [''], resources: ['pods/exec'], verbs: ['create'] }], true],
    ['tokens', [{ apiGroups: [''], resources: ['serviceaccounts/token'], verbs: ['create'] }], true], ['webhooks', [{ apiGroups: ['admissionregistration.k8s.io'], resources: ['mutatingwebhookconfigurations'], verbs: ['get'] }], true], ['all paths', [{ nonResourceURLs: ['*'], verbs: ['get'] }], true], ['a rule that is none', ['x'], true],
  ])('%s', (_what, rules, expected) => { expect(escalates(role(rules))).toBe(expected) })
  test('roles that add to others, and those others add to', () => {
    expect(escalates(role([], { labels: { 'rbac.authorization.k8s.io/aggregate-to-admin': 'true' } }))).toBe(true)
    expect(escalates({ ...role([]), aggregationRule: { clusterRoleSelectors: [] } })).toBe(true)
  })
  test('a binding binds the role it names', () => {
    const binding = (kind: string) => ({ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'RoleBinding', metadata: { name: 'b' }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind, name: 'cluster-admin' }, subjects: [] })
    expect(accesses('POST', `${rbac}/namespaces/web/rolebindings`, binding('ClusterRole'))).toEqual(['create rbac.authorization.k8s.io/rolebindings! web/b', 'create rbac.authorization.k8s.io/clusterroles/bind! web/cluster-admin'])
    expect(accesses('POST', `${rbac}/namespaces/web/rolebindings`, binding('Role'))).toContain('create rbac.authorization.k8s.io/roles/bind! web/cluster-admin')
  })
  test('a patch that only points into a role', () => {
    const found = (path: string, value: unknown) => accesses('PATCH', `${rbac}/clusterroles/r`, [{ op: 'add', path, value }], patch).length > 1
    expect(found('/rules/-', { apiGroups: [''], resources: ['secrets'], verbs: ['get'] })).toBe(true)
    expect(found('/rules/0/verbs/-', 'impersonate')).toBe(true)
    expect(found('/rules/0/resources/0', 'secrets')).toBe(true)
    expect(found('/rules/0/apiGroups/-', '*')).toBe(true)
    expect(found('/metadata/labels/rbac.authorization.k8s.io~1aggregate-to-view', 'true')).toBe(true)
    expect(found('/rules/0/resources/0', 'pods')).toBe(false)
  })
  test('a patch of subjects binds whatever role the object names, and any where nobody can tell', () => {
    const subjects = [{ op: 'add', path: '/subjects/-', value: { kind: 'User', name: 'me' } }]
    expect(accesses('PATCH', `${rbac}/clusterrolebindings/b`, subjects, patch, { dry: { object: { roleRef: { kind: 'ClusterRole', name: 'cluster-admin' } }, oldObject: {} } })).toContain('patch rbac.authorization.k8s.io/clusterroles/bind! -/cluster-admin')
    expect(accesses('PATCH', `${rbac}/clusterrolebindings/b`, subjects, patch, { dry: {} })).toContain('patch rbac.authorization.k8s.io/clusterroles/bind! -/-')
    expect(accesses('PATCH', `${rbac}/clusterroles/r`, [{ op: 'copy', from: '/rules/0', path: '/rules/-' }], patch, { dry: {} })).toContain('patch rbac.authorization.k8s.io/clusterroles/escalate! -/r')
  })
})

describe('any body', () => {
  const leaf = fc.oneof(fc.constantFrom('Z3Vlc3M=', 'x', true, false, null, 0, 1.5, '[redacted]', 'All', ''), fc.string())
  const name = fc.oneof(fc.constantFrom('data', 'stringData', 'spec', 'template', 'containers', 'volumes', 'hostPath', 'secret', 'metadata', 'labels', 'annotations', 'rules', 'roleRef', 'capabilities', 'add', 'envFrom', 'projected', 'sources', '0', '-'), fc.string())
  const value = fc.letrec((tie) => ({ any: fc.oneof({ maxDepth: 5 }, leaf, fc.array(tie('any'), { maxLength: 3 }), fc.dictionary(name, tie('any'), { maxKeys: 4 })) })).any
  const targets = fc.constantFrom(`${web}/secrets/s`, '/apis/apps/v1/namespaces/web/deployments/d', `${rbac}/clusterroles/r`, `${rbac}/namespaces/web/rolebindings/b`, '/apis/acme.io/v1/widgets/w', `${web}/pods/p/status`)
  test('is refused, or decided on and sent as the same value', () => {
    let passed = 0
    fc.assert(fc.property(targets, fc.constantFrom(merge, strategic, patch), fc.array(fc.tuple(fc.constantFrom('add', 'replace', 'test', 'remove'), fc.array(name, { minLength: 1, maxLength: 4 }), value)), fc.dictionary(name, value), fc.option(fc.dictionary(name, value), { nil: undefined }), (target, type, operations, object, seen) => {
      const body = type === patch ? operations.map(([op, path, value]) => ({ op, path: `/${path.map((step) => step.replaceAll('~', '~0').replaceAll('/', '~1')).join('/')}`, ...(op === 'remove' ? {} : { value }) })) : object
      const read = readRequest('PATCH', target, { 'content-type': type }, Buffer.from(JSON.stringify(body)))
      if (!read.ok) return
      passed++
      const result = classify({ name: 'c' }, read.value, seen === undefined ? undefined : { object: seen as Record<string, unknown>, oldObject: null })
      expect(result.ok && JSON.parse(result.value.plan.body ?? '')).toEqual(JSON.parse(JSON.stringify(body)))
    }), { numRuns: Number(process.env.SLUICE_RUNS ?? 300) })
    expect(passed).toBeGreaterThan(50)
  })
})

describe('the plan', () => {
  test('says how the answer comes, and sends what was decided', () => {
    expect(judged('GET', `${web}/pods`).plan).toMatchObject({ form: 'list', preview: false, method: 'GET', target: `${web}/pods`, body: null })
    expect(judged('GET', `${web}/pods?watch=true`).plan.form).toBe('watch')
    expect(judged('GET', `${web}/pods/x/log?follow=1`).plan).toMatchObject({ form: 'log', target: `${web}/pods/x/log?follow=true`, accept: '*/*' })
    expect(judged('POST', `${web}/pods/x/exec?command=ls`).plan).toMatchObject({ form: 'exec', preview: true })
    expect(judged('PATCH', `${web}/configmaps/a`, { data: { b: '1', a: '2' } }, merge).plan).toMatchObject({ form: 'whole', preview: true, contentType: merge, body: '{"data":{"b":"1","a":"2"}}' })
    expect(judged('DELETE', `${web}/configmaps`).plan).toMatchObject({ form: 'whole', preview: false })
  })
  test('the fingerprint is of the object as it is, without what changes by itself', () => {
    const print = (oldObject: object | null) => judged('PATCH', `${web}/configmaps/a`, { data: {} }, merge, { dry: { object: {}, oldObject: oldObject as Dry['oldObject'] & object } }).effects.fingerprint
    const object = { metadata: { uid: 'u', resourceVersion: '1', generation: 1, managedFields: [] }, data: { a: '1' }, status: { x: 1 } }
    expect(print({ ...object, metadata: { uid: 'u', resourceVersion: '2', generation: 2 }, status: { x: 2 } })).toBe(print(object))
    expect(print({ ...object, data: { a: '2' } })).not.toBe(print(object))
    expect(print({ ...object, metadata: { uid: 'v' } })).not.toBe(print(object))
    expect(print(null)).not.toBe(print(object))
  })
  test('a statement that is not canonical, as a store might give it, is refused', () => {
    const read = readRequest('GET', `${web}/pods?limit=5`, {}, null)
    if (!read.ok) throw new Error('unread')
    const changed = (sql: string) => classify({ name: 'c' }, { ...read.value, statements: [{ ...read.value.statements[0]!, sql }] })
    for (const sql of ['GET /api/v1/namespaces/web/../pods', `GET ${web}/pods?limit=5&watch=1`, `GET ${web}/pods/?limit=5`, `get ${web}/pods`, '']) expect(changed(sql).ok).toBe(false)
  })
})
