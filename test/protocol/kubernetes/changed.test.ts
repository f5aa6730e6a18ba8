import { describe, expect, test } from 'vitest'
import type { Dry } from '../../../functions/protocol/kubernetes/plan.ts'
import { json, judged, merge, patch, strategic, web } from './judged.ts'

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
