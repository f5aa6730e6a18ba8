import { describe, expect, test } from 'vitest'
import type { Dry } from '../../../functions/protocol/kubernetes/plan.ts'
import { podIn } from '../../../functions/protocol/kubernetes/pod.ts'
import { apply, json, judged, merge, patch, strategic, web } from './judged.ts'

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

test('what runs in a pod are its sidecars and its debuggers too, whoever added them', () => {
  const one = (name: string) => [{ name, image: `i/${name}` }]
  expect(podIn({ metadata: { uid: 'u' }, spec: { containers: one('a'), initContainers: one('b'), ephemeralContainers: one('c') } })?.containers.map(({ image }) => image)).toEqual(['i/a', 'i/b', 'i/c'])
})
