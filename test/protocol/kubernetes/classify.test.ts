import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { classify } from '../../../functions/protocol/kubernetes/classify.ts'
import type { Dry } from '../../../functions/protocol/kubernetes/plan.ts'
import { readRequest } from '../../../functions/protocol/kubernetes/request.ts'
import type { ConnectionDocument } from '../../../schema/policy.ts'

const json = 'application/json', merge = 'application/merge-patch+json', patch = 'application/json-patch+json', apply = 'application/apply-patch+yaml', strategic = 'application/strategic-merge-patch+json'
function judged(method: string, target: string, body: unknown = null, type = json, { classes = {}, dry }: { classes?: ConnectionDocument['classify']; dry?: Dry } = {}) {
  const read = readRequest(method, target, body === null ? {} : { 'content-type': type }, body === null ? null : Buffer.from(JSON.stringify(body)))
  if (!read.ok) throw new Error(read.refusal.detail)
  const result = classify({ name: 'cluster', classify: classes }, JSON.parse(JSON.stringify(read.value)) as typeof read.value, dry)       // as a store gives it back
  if (!result.ok) throw new Error(result.refusal.detail)
  return result.value
}
const accesses = (...args: Parameters<typeof judged>) => judged(...args).effects.accesses.map(({ action, resource, system, target }) => `${action} ${resource}${system ? '!' : ''} ${target?.namespace ?? '-'}/${target?.name ?? '-'}`)
const web = '/api/v1/namespaces/web'
const rbac = '/apis/rbac.authorization.k8s.io/v1'

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

describe('what pods may do', () => {
  const pod = (spec: object, metadata: object = {}) => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', ...metadata }, spec })
  const needs = (spec: object, metadata: object = {}) => judged('POST', `${web}/pods`, pod(spec, metadata)).effects.accesses[0]?.target?.needs
  const container = (more: object) => ({ containers: [{ name: 'c', image: 'i', ...more }] })
  test.each<[string, object, readonly string[]]>([
    ['nothing', container({ env: [{ name: 'A', value: 'b' }], ports: [{ containerPort: 80 }], securityContext: { privileged: false, capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] } } }), []],
    ['privileged', container({ securityContext: { privileged: true } }), ['privileged']], ['privileged in an init container', { initContainers: [{ securityContext: { privileged: true } }] }, ['privileged']], ['privileged in an ephemeral container', { ephemeralContainers: [{ securityContext: { privileged: true } }] }, ['privileged']],
    ['a capability', container({ securityContext: { capabilities: { add: ['SYS_ADMIN'] } } }), ['privileged']], ['all capabilities', container({ securityContext: { capabilities: { add: ['ALL'] } } }), ['privileged']], ['no mask over /proc', container({ securityContext: { procMount: 'Unmasked' } }), ['privileged']], ['no seccomp', { securityContext: { seccompProfile: { type: 'Unconfined' } } }, ['privileged']],
    ['a process of the host', { securityContext: { windowsOptions: { hostProcess: true } } }, ['privileged']], ['selinux', { securityContext: { seLinuxOptions: { type: 'spc_t' } } }, ['privileged']], ['sysctls', { securityContext: { sysctls: [{ name: 'kernel.core_pattern', value: '|/x' }] } }, ['privileged']],
    ['a path of the host', { volumes: [{ name: 'v', hostPath: { path: '/' } }] }, ['host-path']], ['a volume nobody knows', { volumes: [{ name: 'v', flexVolume: { driver: 'x' } }] }, ['host-path']], ['the network of the host', { hostNetwork: true }, ['host-namespace']], ['processes of the host', { hostPID: true }, ['host-namespace']], ['a port of the host', container({ ports: [{ hostPort: 22 }] }), ['host-namespace']],
    ['a secret volume', { volumes: [{ name: 'v', secret: { secretName: 's' } }] }, ['secret-mount']], ['a projected secret', { volumes: [{ name: 'v', projected: { sources: [{ secret: { name: 's' } }] } }] }, ['secret-mount']], ['a secret in env', container({ env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }] }), ['secret-mount']],
    ['all of a secret in env', container({ envFrom: [{ secretRef: { name: 's' } }] }), ['secret-mount']], ['a secret of a network volume', { volumes: [{ name: 'v', cephfs: { secretRef: { name: 's' } } }] }, ['secret-mount']], ['a secrets store', { volumes: [{ name: 'v', csi: { driver: 'secrets-store.csi.k8s.io' } }] }, ['secret-mount']],
    ['an account', { serviceAccountName: 'admin' }, ['service-account']], ['an account by its old name', { serviceAccount: 'admin' }, ['service-account']], ['the default account', { serviceAccountName: 'default' }, []], ['a token for another audience', { volumes: [{ name: 'v', projected: { sources: [{ serviceAccountToken: { audience: 'vault', path: 't' } }] } }] }, ['service-account']],
    ['a probe of another host', container({ livenessProbe: { httpGet: { host: '169.254.169.254', port: 80 } } }), ['host-namespace']], ['a hook at another host', container({ lifecycle: { postStart: { tcpSocket: { host: '127.0.0.1', port: 10250 } } } }), ['host-namespace']], ['a probe of itself', container({ readinessProbe: { httpGet: { path: '/', port: 80 } } }), []],
    ['the token every pod has', { volumes: [{ name: 'kube-api-access-x', projected: { sources: [{ serviceAccountToken: { path: 'token' } }, { configMap: { name: 'kube-root-ca.crt' } }] } }] }, []],
  ])('%s', (_what, spec, expected) => { expect(needs(spec)).toEqual(expected) })
  test('by an annotation', () => { for (const name of ['seccomp.security.alpha.kubernetes.io/pod', 'container.seccomp.security.alpha.kubernetes.io/c']) expect(needs({}, { annotations: { [name]: 'unconfined' } })).toEqual(['privileged']); expect(needs({}, { annotations: { 'container.apparmor.security.beta.kubernetes.io/c': 'unconfined' } })).toEqual(['privileged']) })
  test('wherever the template sits, in kinds nobody heard of too', () => {
    const spec = { hostPID: true, containers: [] }
    const target = (path: string, body: object) => judged('POST', path, body).effects.accesses[0]?.target?.needs
    expect(target('/apis/batch/v1/namespaces/web/cronjobs', { apiVersion: 'batch/v1', kind: 'CronJob', metadata: { name: 'c' }, spec: { jobTemplate: { spec: { template: { spec } } } } })).toEqual(['host-namespace'])
    expect(target('/apis/acme.io/v1/namespaces/web/widgets', { apiVersion: 'acme.io/v1', kind: 'Widget', metadata: { name: 'c' }, spec: { deep: [{ template: { spec } }] } })).toEqual(['host-namespace'])
    expect(target(`${web}/configmaps`, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c' }, data: { hostPath: '/x' } })).toEqual([])
    const volume = (spec: object) => target('/api/v1/persistentvolumes', { apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: 'c' }, spec })
    expect(volume({ local: { path: '/etc' } })).toEqual(['host-path'])
    expect(volume({ flexVolume: { driver: 'x', secretRef: { name: 's' } } })).toEqual(['host-path', 'secret-mount'])
    expect(volume({ csi: { driver: 'x', nodePublishSecretRef: { name: 's', namespace: 'kube-system' } } })).toEqual(['secret-mount'])
    expect(volume({ csi: { driver: 'x', volumeHandle: 'v' } })).toEqual([])
    expect(target('/api/v1/persistentvolumes', { apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: 'c' }, spec: { hostPath: { path: '/' } } })).toEqual(['host-path'])
  })
  const front = '/apis/apps/v1/namespaces/web/deployments/front'
  const ofPatch = (body: unknown, type: string, dry?: Dry) => judged('PATCH', front, body, type, dry ? { dry } : {}).effects.accesses[0]?.target?.needs
  test('by a patch, also one that only points to the place', () => {
    expect(ofPatch([{ op: 'add', path: '/spec/template/spec/hostNetwork', value: true }], patch)).toEqual(['host-namespace'])
    expect(ofPatch([{ op: 'add', path: '/spec/template/spec/containers/0/securityContext/capabilities/add/-', value: 'SYS_ADMIN' }], patch)).toEqual(['privileged'])
    expect(ofPatch([{ op: 'add', path: '/spec/template/spec/volumes/-', value: { name: 'v', secret: { secretName: 's' } } }], patch)).toEqual(['secret-mount'])
    expect(ofPatch([{ op: 'replace', path: '/spec/template/spec/volumes/0/secret', value: { secretName: 's' } }], patch)).toEqual(['secret-mount'])
    expect(ofPatch({ spec: { template: { spec: { serviceAccountName: 'admin' } } } }, strategic)).toEqual(['service-account'])
  })
  test('after a patch, by what the server says the object is then; labels and a number of replicas change nothing of it', () => {
    const privileged = { spec: { template: { spec: { containers: [{ securityContext: { privileged: true }, image: 'a' }] } } } }
    const other = { spec: { template: { spec: { containers: [{ securityContext: { privileged: true }, image: 'b' }] } } } }
    expect(ofPatch({ spec: { template: { spec: { containers: [{ name: 'c', image: 'b' }] } } } }, strategic, { object: other, oldObject: privileged })).toEqual(['privileged'])
    expect(ofPatch({ metadata: { labels: { a: 'b' } } }, merge, { object: { ...privileged, metadata: { labels: { a: 'b' } } }, oldObject: privileged })).toEqual([])
    expect(judged('PATCH', `${front}/scale`, { spec: { replicas: 9 } }, merge).effects.accesses[0]?.target?.needs).toEqual([])
  })
  test('that are there already need nothing more, scaled in or out, also where the whole of it is said again; a look before the object is known holds nothing against that', () => {
    const one = (replicas: number, image = 'a') => ({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'front' }, spec: { replicas, template: { spec: { containers: [{ name: 'c', image, securityContext: { privileged: true } }] } } } })
    const needs = (method: string, type: string, body: unknown, dry?: Dry) => judged(method, front, body, type, dry ? { dry } : {}).effects.accesses[0]?.target?.needs
    for (const [method, type] of [['PUT', json], ['PATCH', apply]] as const) {
      expect([needs(method, type, one(5)), needs(method, type, one(5), { object: one(5), oldObject: one(2) }), needs(method, type, one(5, 'b'), { object: one(5, 'b'), oldObject: one(2) }), needs(method, type, one(5), { object: one(5), oldObject: null })]).toEqual([[], [], ['privileged'], ['privileged']])
      expect(needs(method, type, one(5), {})).toContain('privileged')
    }
    expect(judged('POST', '/apis/apps/v1/namespaces/web/deployments', one(2), json).effects.accesses[0]?.target?.needs).toEqual(['privileged'])
  })
  test('where the server will not say, anything but labels, annotations and replicas may do everything', () => {
    expect(ofPatch({ metadata: { labels: { a: 'b' } }, spec: { replicas: 3 } }, merge, {})).toEqual([])
    expect(ofPatch({ spec: { template: { spec: { containers: [{ name: 'c', image: 'b' }] } } } }, strategic, {})).toHaveLength(5)
    expect(ofPatch([{ op: 'copy', from: '/spec/a', path: '/metadata/labels/b' }], patch, {})).toHaveLength(5)
  })
})

describe('what a write changes', () => {
  const one = (more: object = {}, meta: object = {}) => ({ kind: 'Deployment', metadata: { name: 'd', resourceVersion: '1', generation: 1, ...meta }, spec: { replicas: 3, list: [{ a: 1 }], ...more }, status: { ready: 1 } })
  const copy = (value: unknown) => ({ annotations: { 'kubectl.kubernetes.io/last-applied-configuration': typeof value === 'string' ? value : JSON.stringify(value) } })
  const last = 'metadata.annotations.kubectl\\.kubernetes\\.io/last-applied-configuration'
  test.each<[string, object, object, readonly string[]]>([
    ['nothing but what the server keeps', one(), { ...one({}, { resourceVersion: '9', generation: 4, managedFields: [{}] }), status: { ready: 2 } }, []], ['a number', one(), one({ replicas: 1 }), ['spec.replicas']], ['a list, as a whole', one(), one({ list: [{ a: 2 }] }), ['spec.list']], ['what comes and what goes', one({ a: 1 }), one({ b: 1 }), ['spec.a', 'spec.b']],
    ['a name that looks like a path', one(), { ...one(), 'spec.replicas': 1 }, ['spec\\.replicas']], ['the name of what everything has', one(), JSON.parse('{"kind":"Deployment","metadata":{"name":"d"},"spec":{"replicas":3,"list":[{"a":1}],"__proto__":{"x":1},"constructor":1}}') as object, ['spec.__proto__', 'spec.constructor']],
    ['labels and annotations one by one', one(), one({}, { labels: { a: '1' }, annotations: { 'acme.io/x': 'y' } }), ['metadata.annotations.acme\\.io/x', 'metadata.labels.a']],
    ['the same in the copy', one({}, copy({ spec: { replicas: 3 } })), one({ replicas: 1 }, copy({ spec: { replicas: 1 } })), ['spec.replicas']], ['something else in the copy', one({}, copy({ spec: { replicas: 3 } })), one({}, copy({ spec: { replicas: 3, paused: true } })), ['spec.paused']],
    ['a copy that comes', one(), one({}, copy({})), [last]], ['goes', one({}, copy({})), one(), [last]], ['or cannot be read', one({}, copy({})), one({}, copy('{')), [last]],
  ])('%s', (_, before, after, expected) => {
    expect(judged('PATCH', '/apis/apps/v1/namespaces/web/deployments/d', {}, merge, { dry: { object: after as never, oldObject: before as never } }).effects.accesses[0]?.target?.changed).toEqual(expected)
  })
  test('is said of who manages which field where the write sets that by itself: it decides what the next apply takes away', () => {
    const before = one({}, { managedFields: [{ manager: 'helm', operation: 'Apply' }] })
    const after = one({}, { managedFields: [{ manager: 'x', operation: 'Apply' }] })
    const changed = (body: unknown, type: string, method = 'PATCH') => judged(method, '/apis/apps/v1/namespaces/web/deployments/d', body, type, { dry: { oldObject: before, object: after } }).effects.accesses[0]?.target?.changed
    const managers = ['metadata.managedFields']
    for (const managedFields of [[{}], [], null, [{ manager: 'helm', operation: 'Apply', fieldsV1: { 'f:spec': {} } }]]) for (const type of [merge, strategic]) expect(changed({ metadata: { managedFields } }, type)).toEqual(managers)
    for (const operation of [{ op: 'remove', path: '/metadata/managedFields/0' }, { op: 'add', path: '/metadata/managedFields/-', value: {} }, { op: 'copy', from: '/metadata/managedFields/0', path: '/metadata/managedFields/1' }, { op: 'move', from: '/metadata/managedFields/0', path: '/metadata/labels/a' }]) expect(changed([operation], patch)).toEqual(managers)
    const put = (managedFields: unknown) => changed({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'd', managedFields } }, json, 'PUT')
    expect([put([{}]), put([{ operation: 'Apply', manager: 'helm' }]), changed({ spec: { replicas: 3 } }, merge), changed([{ op: 'test', path: '/metadata/managedFields/0/manager', value: 'helm' }], patch)]).toEqual([managers, [], [], []])
  })
  test('is not said where it is too much to be told: of some alone a rule would take the rest for unchanged', () => {
    const labels = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, at) => [`a${at}`, 'b']))
    const changed = (count: number) => judged('PATCH', '/apis/apps/v1/namespaces/web/deployments/d', {}, merge, { dry: { oldObject: one(), object: { ...one({ replicas: 9 }, { labels: labels(count) }) } } }).effects.accesses[0]?.target?.changed
    expect([changed(199)?.length, changed(199)?.at(-1), changed(200)]).toEqual([200, 'spec.replicas', undefined])
  })
  const held = { metadata: { annotations: { 'acme.io/a': 'v' }, name: 'x', labels: { a: 'b' } }, data: { password: 'cGFzcw==', 'a.b': 'eA==' } }
  test.each<[string, string, string, unknown, readonly string[]]>([
    ['a value', 'secrets', merge, { data: { password: 'cGFzcw==' } }, ['data.password']], ['one with a dot in its name', 'secrets', strategic, { data: { 'a.b': 'eA==' } }, ['data.a\\.b']], ['another', 'secrets', merge, { data: { password: 'Zm9v' } }, ['data.password']], ['in a json patch', 'secrets', patch, [{ op: 'add', path: '/data/password', value: 'cGFzcw==' }], ['data.password']],
    ['as text', 'secrets', merge, { stringData: { password: 'pass' } }, ['data.password', 'stringData.password']], ['an annotation', 'secrets', merge, { metadata: { annotations: { 'acme.io/a': 'v' } } }, ['metadata.annotations.acme\\.io/a']], ['the copy of it', 'secrets', merge, { metadata: copy({ kind: 'Secret', data: { password: 'cGFzcw==' } }) }, ['data.password']], ['a copy that is none', 'secrets', merge, { metadata: copy('{') }, [last]],
    ['a label', 'secrets', merge, { metadata: { labels: { a: 'b' } } }, []], ['what holds no class', 'configmaps', merge, { metadata: { annotations: { 'acme.io/a': 'v' } }, data: { password: 'x' } }, []],
    ['in a list', 'acme.io/widgets', merge, { spec: { keys: [{ value: 'a' }] } }, ['spec.keys']], ['at a place of a list', 'acme.io/widgets', patch, [{ op: 'replace', path: '/spec/keys/0/value', value: 'a' }], ['spec.keys', 'spec.keys.0.value']], ['an annotation of a template in a list', 'acme.io/widgets', merge, { spec: { list: [{ metadata: { annotations: { a: 'b' } } }] } }, ['spec.list']],
  ])('is said of what comes masked wherever a write sets it, the same or not: %s', (_, resource, type, body, expected) => {
    const target = resource === 'acme.io/widgets' ? '/apis/acme.io/v1/namespaces/web/widgets/x' : `${web}/${resource}/x`
    const sets = (after: object) => judged('PATCH', target, body, type, { classes: { 'acme.io/widgets:spec.keys[*].value': 'pii.key' }, dry: { oldObject: held, object: after as never } }).effects.accesses[0]?.target?.changed
    expect(sets(held)).toEqual(expected)
  })
  test('nor does their number tell whether one of them is the value there', () => {
    const labels = Object.fromEntries(Array.from({ length: 200 }, (_, at) => [`l${at}`, 'b']))
    const changed = (guess: string) => judged('PATCH', `${web}/secrets/x`, { data: { password: guess } }, merge, { dry: { oldObject: held, object: { metadata: { ...held.metadata, labels: { a: 'b', ...labels } }, data: { ...held.data, password: guess } } } }).effects.accesses[0]?.target?.changed
    expect([changed('cGFzcw=='), changed('Zm9v')]).toEqual([undefined, undefined])
  })
  test('is not said of what is not there, or could not be seen; of a status it is the status', () => {
    const changed = (target: string, dry: Dry) => judged('PATCH', target, {}, merge, { dry }).effects.accesses[0]?.target?.changed
    for (const dry of [{}, { object: one() }, { oldObject: one() }, { object: one(), oldObject: null }, { object: null, oldObject: one() }] as Dry[]) expect(changed('/apis/apps/v1/namespaces/web/deployments/d', dry)).toBeUndefined()
    expect(changed('/apis/apps/v1/namespaces/web/deployments/d/status', { object: { ...one(), status: { ready: 9 } }, oldObject: one() })).toEqual(['status.ready'])
    // A kind that others defined may keep its status in the object itself.
    expect(changed('/apis/acme.io/v1/namespaces/web/widgets/d', { object: { ...one(), status: { ready: 9 } }, oldObject: one() })).toEqual(['status.ready'])
    expect(changed('/apis/apps/v1/namespaces/web/deployments/d/scale', { object: { kind: 'Scale', spec: {} }, oldObject: { kind: 'Scale', spec: { replicas: 2 } } })).toEqual(['spec.replicas'])
  })
})

describe('classes', () => {
  const classes = { 'acme.io/widgets:spec.keys[*].value': 'pii.key', 'configmaps:data.password': 'app.password', 'secrets:data.public': 'none' } as const
  const shown = (method: string, target: string) => judged(method, target, null, json, { classes }).effects.shown.map(({ resource, column, dataClass, output }) => `${output} ${resource}:${column} ${dataClass}`)
  test('are shown by every read and every write of their resource', () => {
    expect(shown('GET', `${web}/secrets`)).toEqual(['0 secrets:data.* kubernetes.secret', '1 secrets:stringData.* kubernetes.secret'])
    expect(shown('DELETE', `${web}/secrets`)).toHaveLength(2)
    expect(shown('GET', `${web}/configmaps/a`)).toEqual(['0 configmaps:data.password app.password'])
    expect(shown('GET', '/apis/acme.io/v1/widgets')).toEqual(['0 acme.io/widgets:spec.keys[*].value pii.key'])
    expect(shown('GET', `${web}/pods`)).toEqual([])
  })
  test('are kept from the record once the policy that names them is known', () => {
    const told = (method: string, target: string, body: unknown, type = json) => JSON.stringify(judged(method, target, body, type, { classes }).told ?? null)
    const widget = { apiVersion: 'acme.io/v1', kind: 'Widget', metadata: { name: 'w', annotations: { a: 'canary' } }, spec: { keys: [{ name: 'plain', value: 'canary' }, { name: 'other', value: ['canary'] }] } }
    expect(told('PUT', '/apis/acme.io/v1/namespaces/web/widgets/w', widget)).toMatch(/^(?!.*canary).*plain.*\[withheld\].*other/)
    expect(told('PATCH', '/apis/acme.io/v1/namespaces/web/widgets/w', [{ op: 'add', path: '/spec/keys/0', value: { value: 'canary' } }, { op: 'add', path: '/spec', value: { x: 'canary' } }, { op: 'add', path: '/metadata/labels', value: { a: 'plain' } }], patch)).toMatch(/^(?!.*canary).*plain/)
    expect(told('PUT', `${web}/configmaps/a`, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, data: { password: 'canary', note: 'plain' } })).toMatch(/^(?!.*canary).*plain/)
    expect(told('PUT', `${web}/services/a`, { apiVersion: 'v1', kind: 'Service', metadata: { name: 'a' } })).toBe('null')
  })
  const used = (method: string, target: string, body: unknown = null, type = json, dry?: Dry) => judged(method, target, body, type, { classes, ...(dry ? { dry } : {}) }).effects.used.map(({ dataClass, how, back }) => `${back ?? 'use'} ${dataClass} ${how}`)
  const secret = `${web}/secrets/s`
  const kept = 'kubectl.kubernetes.io/last-applied-configuration'
  const values = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' }, data: { p: 'Z3Vlc3M=' } }
  test.each<[string, string, string, unknown, string, RegExp | null]>([
    ['a selector over a classified field', 'GET', '/apis/acme.io/v1/widgets?fieldSelector=spec.keys=x', null, json, /field selector/], ['a selector over another', 'GET', `${web}/secrets?fieldSelector=type=Opaque`, null, json, null],
    ['a test of a value', 'PATCH', secret, [{ op: 'test', path: '/data/p', value: 'Z3Vlc3M=' }], patch, /test of a json patch/], ['a test of all values', 'PATCH', secret, [{ op: 'test', path: '/data', value: {} }], patch, /test of a json patch/],
    ['a test of the copy that kubectl keeps', 'PATCH', secret, [{ op: 'test', path: '/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration', value: '' }], patch, /test of a json patch/], ['a copy out of it', 'PATCH', secret, [{ op: 'copy', from: '/data/p', path: '/metadata/labels/x' }], patch, /copy of a json patch/],
    ['a test of the names of fields', 'PATCH', '/apis/acme.io/v1/namespaces/web/widgets/w', [{ op: 'test', path: '/metadata/managedFields/0/fieldsV1/f:spec/f:keys/v:"guess"', value: {} }], patch, /test of a json patch/], ['a copy into it', 'PATCH', secret, [{ op: 'copy', from: '/metadata/labels/guess', path: '/data/p' }], patch, /copy of a json patch/], ['a copy into an annotation', 'PATCH', secret, [{ op: 'copy', from: '/metadata/labels/a', path: '/metadata/annotations/b' }], patch, null], ['a move of all of it', 'PATCH', secret, [{ op: 'move', from: '/data', path: '/metadata/labels' }], patch, /move of a json patch/], ['a test of something else', 'PATCH', secret, [{ op: 'test', path: '/metadata/labels/x', value: 'y' }], patch, null], ['a copy of something else', 'PATCH', secret, [{ op: 'copy', from: '/type', path: '/metadata/labels/x' }], patch, null],
    ['a guess in a dry run', 'PUT', `${secret}?dryRun=All`, values, json, /dry run/], ['a guess in a patch that is a dry run', 'PATCH', `${secret}?dryRun=All`, { data: { p: 'Z3Vlc3M=' } }, merge, /dry run/], ['a guess in an apply', 'PATCH', secret, values, apply, /apply without force/], ['a forced apply', 'PATCH', `${secret}?force=true`, values, apply, null],
    ['a write', 'PUT', secret, values, json, null], ['a dry run that sets labels', 'PATCH', `${secret}?dryRun=All`, { metadata: { labels: { a: 'b' } } }, merge, null], ['a new object in a dry run', 'POST', `${web}/secrets?dryRun=All`, values, json, null],
    ['a mask written back', 'PUT', secret, { ...values, data: { p: Buffer.from('[redacted]').toString('base64') } }, json, /^mask .*as a new value of data/], ['a mask in text', 'PATCH', `${web}/configmaps/a`, { data: { password: '****1234' } }, merge, /^mask app.password/], ['stars elsewhere', 'PATCH', `${web}/configmaps/a`, { data: { note: '****1234' } }, merge, null],
    ['an annotation in a dry run', 'PATCH', `${secret}?dryRun=All`, { metadata: { annotations: { note: 'guess' } } }, merge, /annotations.*dry run/], ['one in a patch of a dry run', 'PATCH', `${secret}?dryRun=All`, [{ op: 'add', path: '/metadata/annotations/note', value: 'guess' }], patch, /annotations.*dry run/], ['one of a template', 'PATCH', '/apis/acme.io/v1/namespaces/web/widgets/w?dryRun=All', { spec: { template: { metadata: { annotations: { a: 'guess' } } } } }, merge, /annotations.*dry run/],
    ['one in an apply', 'PATCH', secret, { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's', annotations: { note: 'guess' } } }, apply, /annotations.*conflict/], ['a forced apply of one', 'PATCH', `${secret}?force=true`, { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's', annotations: { note: 'new' } } }, apply, null], ['a write of one', 'PATCH', secret, { metadata: { annotations: { note: 'new' } } }, merge, null],
    ['a copy of kubectl\'s that guesses', 'PATCH', `${secret}?dryRun=All`, { metadata: { annotations: { [kept]: JSON.stringify(values) } } }, merge, /annotations.*dry run/], ['one that sets nothing masked', 'PATCH', `${web}/configmaps/a?dryRun=All`, { metadata: { annotations: { [kept]: '{"apiVersion":"v1","data":{"other":"1"}}' } } }, merge, null],
    ['a test of an annotation of a template', 'PATCH', '/apis/acme.io/v1/namespaces/web/widgets/w', [{ op: 'test', path: '/spec/template/metadata/annotations/a', value: 'guess' }], patch, /test of a json patch/], ['a test around it', 'PATCH', '/apis/acme.io/v1/namespaces/web/widgets/w', [{ op: 'test', path: '/spec/template', value: { metadata: { annotations: { a: 'guess' } } } }], patch, /test of a json patch/],
    ['a copy of a template\'s metadata', 'PATCH', '/apis/acme.io/v1/namespaces/web/widgets/w', [{ op: 'copy', from: '/spec/template/metadata', path: '/spec/shown' }], patch, /copy of a json patch/], ['a mask in an annotation', 'PUT', secret, { ...values, metadata: { name: 's', annotations: { note: '[redacted]' } } }, json, /^mask .*metadata.annotations.note/],
    ['a detector\'s mark', 'PATCH', `${web}/configmaps/a`, { data: { note: 'call [redacted: email]' } }, merge, /^detector email/],
  ])('%s', (_what, method, target, body, type, expected) => {
    const found = used(method, target, body, type)
    if (expected === null) expect(found).toEqual([])
    else expect(found.join('\n')).toMatch(expected)
  })
  const mine = { ...classes, 'pods:spec.containers[*].env[*].value': 'app.env', 'apps/deployments:spec.template.spec.containers.env.value': 'app.env' } as const
  const usedOf = (target: string, body: unknown, type: string, dry?: Dry) => judged('PATCH', target, body, type, { classes: mine, ...(dry ? { dry } : {}) }).effects.used.map(({ how }) => how).join()
  const container = (value: string, more: object = {}) => ({ spec: { containers: [{ name: 'c', env: [{ name: 'PIN', value }], ...more }] } })
  test('a guess at a field that a kind may not let change, in the same words whether it is right or wrong', () => {
    const pod = `${web}/pods/p`, old = container('1234')
    const right = usedOf(pod, container('1234'), strategic, { object: old, oldObject: old }), wrong = usedOf(pod, container('9999'), strategic, { oldObject: old })
    expect(right).toMatch(/may be immutable/)
    expect(wrong).toBe(right)
    expect(usedOf(pod, { spec: { containers: [{ name: 'c', image: 'new' }] } }, strategic, { object: container('1234', { image: 'new' }), oldObject: old })).toBe('')
    const keys = (value: string) => ({ spec: { keys: [{ value }] } })
    expect(usedOf('/apis/acme.io/v1/namespaces/web/widgets/w', keys('a'), merge, { object: keys('a'), oldObject: keys('a') })).toMatch(/may be immutable/)
    expect(usedOf('/apis/acme.io/v1/namespaces/web/widgets/w', keys('a'), merge, { oldObject: keys('b') })).toMatch(/may be immutable/)
    expect(usedOf('/apis/acme.io/v1/namespaces/web/widgets/w', keys('a'), merge, { object: keys('a'), oldObject: keys('b') })).toBe('')
  })
  test('a guess that needs no permit where it is right, because it would change nothing', () => {
    const deployment = (value: string) => ({ spec: { template: { spec: { containers: [{ name: 'c', env: [{ name: 'PIN', value }], envFrom: [{ secretRef: { name: 's' } }] }] } } } })
    const needsOf = (body: unknown, value: string) => judged('PATCH', '/apis/apps/v1/namespaces/web/deployments/d', body, strategic, { classes: mine, dry: { object: deployment(value), oldObject: deployment('1234') } }).effects.accesses[0]?.target?.needs
    const guess = (value: string) => ({ spec: { template: { spec: { containers: [{ name: 'c', env: [{ name: 'PIN', value }] }] } } } })
    expect(needsOf(guess('9999'), '9999')).toEqual(['secret-mount'])
    expect(needsOf(guess('1234'), '1234')).toEqual(['secret-mount'])
    expect(needsOf({ metadata: { labels: { a: 'b' } } }, '1234')).toEqual([])
  })
  test('a guess in a list that the policy does not call one', () => {
    expect(usedOf('/apis/apps/v1/namespaces/web/deployments/d', [{ op: 'test', path: '/spec/template/spec/containers/0/env/0/value', value: 'x' }], patch)).toMatch(/test of a json patch/)
    expect(usedOf('/apis/apps/v1/namespaces/web/deployments/d?dryRun=All', { spec: { template: { spec: { containers: [{ name: 'c', env: [{ name: 'PIN', value: 'x' }] }] } } } }, strategic)).toMatch(/dry run/)
    expect(usedOf('/apis/apps/v1/namespaces/web/deployments/d?dryRun=All', [{ op: 'replace', path: '/spec/template/spec/containers/0/env/0/value', value: 'x' }], patch)).toMatch(/dry run/)
  })
  test('a guess in what a patch deletes by value', () => {
    const args = { ...classes, 'pods:spec.args[*]': 'app.env' } as const
    expect(judged('PATCH', `${web}/pods/p`, { spec: { '$deleteFromPrimitiveList/args': ['guess'] } }, strategic, { classes: args }).effects.used.map(({ how }) => how).join()).toMatch(/deletes by value/)
    expect(judged('PATCH', `${web}/pods/p`, { spec: { args: [{ x: 'guess', $patch: 'delete' }] } }, strategic, { classes: args }).effects.used.map(({ how }) => how).join()).toMatch(/deletes by value/)
  })
  test('a value whose mask would tell that it is another\'s too, or that reads like its mask', () => {
    const under = (mask: ConnectionDocument['mask'], method: string, target: string, body: object) => {
      const read = readRequest(method, target, { 'content-type': json }, Buffer.from(JSON.stringify(body)))
      const found = read.ok ? classify({ name: 'cluster', classify: classes, ...(mask ? { mask } : {}) }, read.value) : read
      return found.ok ? found.value.effects.used.map(({ how, back }) => `${back ?? 'use'} ${how}`).join() : found.refusal.reason
    }
    expect(under({ 'kubernetes.secret': 'hash' }, 'POST', `${web}/secrets`, values)).toMatch(/hash could be compared/)
    expect(under({ '*': 'hash' }, 'POST', `${web}/secrets`, { ...values, data: undefined, stringData: { p: 'guess' } })).toMatch(/hash could be compared/)
    expect(under({ '*': 'hash', 'kubernetes.secret': 'redact' }, 'POST', `${web}/secrets`, values)).toBe('')
    expect(under({ '*': 'hash' }, 'POST', `${web}/secrets`, { ...values, data: {} })).toBe('')
    expect(under({ '*': 'year' }, 'PUT', secret, { ...values, data: { p: Buffer.from('1984-01-01').toString('base64') } })).toMatch(/^mask/)
    expect(under({ '*': 'null' }, 'PUT', secret, { ...values, data: { p: null } })).toMatch(/^mask/)
  })
  test('a guess at an immutable Secret, which takes the same value and refuses another', () => {
    expect(used('PUT', secret, values, json, { object: {}, oldObject: { immutable: true } }).join()).toMatch(/immutable/)
    expect(used('PUT', secret, values, json, { object: {}, oldObject: {} })).toEqual([])
    expect(used('PUT', secret, values, json, { object: {} }).join()).toMatch(/immutable/)        // nobody could see whether it is
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
    expect(judged('POST', `${web}/pods/x/exec?command=ls`).plan).toMatchObject({ form: 'exec', preview: false })
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
