import { describe, expect, test } from 'vitest'
import { classify } from '../../../functions/protocol/kubernetes/classify.ts'
import type { Dry } from '../../../functions/protocol/kubernetes/plan.ts'
import { readRequest } from '../../../functions/protocol/kubernetes/request.ts'
import type { ConnectionDocument } from '../../../schema/policy.ts'
import { apply, json, judged, merge, patch, strategic, web } from './judged.ts'

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
