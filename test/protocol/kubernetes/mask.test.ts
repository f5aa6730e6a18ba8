import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { classify } from '../../../functions/protocol/kubernetes/classify.ts'
import { createMasker, maskObject } from '../../../functions/protocol/kubernetes/mask.ts'
import type { Masker } from '../../../functions/protocol/masker.ts'
import type { How } from '../../../functions/protocol/kubernetes/plan.ts'
import { readRequest } from '../../../functions/protocol/kubernetes/request.ts'
import { detectorNames, type ConnectionDocument, type DetectorName, type MaskName } from '../../../schema/policy.ts'

interface Asked { readonly status?: number; readonly type?: string; readonly mask?: MaskName | null; readonly detect?: readonly DetectorName[]; readonly classes?: ConnectionDocument['classify']; readonly body?: unknown; readonly bodyType?: string }
function howOf(method: string, target: string, { status = 200, type = 'application/json', mask = 'redact', detect = [], classes = {}, body, bodyType = 'application/json' }: Asked = {}): How {
  const read = readRequest(method, target, body === undefined ? {} : { 'content-type': bodyType }, body === undefined ? null : Buffer.from(JSON.stringify(body)))
  if (!read.ok) throw new Error(read.refusal.detail)
  const classified = classify({ name: 'cluster', classify: classes }, read.value)
  if (!classified.ok) throw new Error(classified.refusal.detail)
  const { plan, effects } = classified.value
  return { plan, effects, obligations: { masks: effects.shown.map(() => mask), detect }, status, contentType: type, maskKey: 'k'.repeat(32) }
}
/** In pieces of every size, or one; the same comes out. */
function through(masker: Masker, text: string | Uint8Array, size = Infinity): string {
  const bytes = Buffer.from(text)
  const out: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += size) out.push(Uint8Array.from(masker.write(Uint8Array.from(bytes.subarray(at, at + size)))))
  out.push(masker.end())
  return Buffer.concat(out).toString('utf8')
}
const masked = (target: string, answer: unknown, asked: Asked & { method?: string } = {}) => through(createMasker(howOf(asked.method ?? 'GET', target, asked)), typeof answer === 'string' ? answer : JSON.stringify(answer))
const web = '/api/v1/namespaces/web'
const b64 = (text: string) => Buffer.from(text).toString('base64')
const canary = 'canary-7f3a9'
const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's', namespace: 'web', annotations: { 'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' }, stringData: { p: canary }, data: { q: b64(canary) } }), note: 'plain' }, managedFields: [{ fieldsV1: { 'f:data': { 'f:p': {} } } }] }, data: { p: b64(canary), q: b64('') }, type: 'Opaque' }
const noCanary = (text: string) => { expect(text).not.toContain(canary); expect(text).not.toContain(b64(canary)); expect(text).not.toContain(b64(canary).replace(/=+$/, '').slice(0, -1)); return text }

describe('a Secret', () => {
  const object = (text: string) => JSON.parse(text) as typeof secret
  test('is shown with its names and without its values, in a form that its readers can decode', () => {
    const shown = object(noCanary(masked(`${web}/secrets/s`, secret)))
    expect(shown.data).toEqual({ p: b64('[redacted]'), q: b64('[redacted]') })
    expect(shown.metadata.managedFields).toEqual(secret.metadata.managedFields)
    expect(JSON.parse(shown.metadata.annotations['kubectl.kubernetes.io/last-applied-configuration'])).toEqual({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' }, stringData: { p: '[redacted]' }, data: { q: b64('[redacted]') } })
    expect([shown.type, shown.metadata.annotations.note]).toEqual(['Opaque', '[redacted]'])
  })
  test('is shown to whoever may see it, byte for byte', () => {
    const text = `  ${JSON.stringify(secret, null, 2)}\n`
    expect(masked(`${web}/secrets/s`, text, { mask: null, detect: detectorNames })).toBe(text)
  })
  test.each<[MaskName, string, string | null]>([['redact', 'ada@example.com', '[redacted]'], ['email', 'ada@example.com', 'a***@example.com'], ['last4', '4111111111111111', '****1111'], ['year', '2020-05-06', '2020-01-01'], ['none', 'x', '[redacted]'], ['null', 'x', null]])('by %s', (mask, value, expected) => {
    expect(object(masked(`${web}/secrets/s`, { ...secret, data: { p: b64(value) } }, { mask })).data.p).toBe(expected === null ? null : b64(expected))
  })
  test('has annotations whose values nobody sees, whatever they are called and however they look', () => {
    const counts = { 'deployment.kubernetes.io/revision': '12', 'pv.kubernetes.io/bind-completed': 'yes', 'k8s.io/initial-events-end': 'true', 'kubectl.kubernetes.io/restartedAt': '2026-11-22T10:00:00Z', empty: '' }
    const annotations = {
      word: 'canary', 'kapp.k14s.io/original': JSON.stringify(secret), broken: `{"data":{"p":"${canary}"`, gzipped: b64(canary.repeat(20)), yaml: `data:\n  p: ${canary}`, list: JSON.stringify([secret]), number: 12,
      'kubernetes.io/service-account.name': canary, 'deployment.kubernetes.io/desired-replicas': canary, 'deployment.kubernetes.io/max-replicas': '1234567890123456', 'pv.kubernetes.io/bound-by-controller': 'yes canary', inner: { deep: [canary] },
    }
    const shown = (JSON.parse(noCanary(masked(`${web}/secrets/s`, { ...secret, metadata: { ...secret.metadata, annotations: { ...annotations, ...counts } } }, { detect: detectorNames }))) as typeof secret).metadata.annotations
    expect(shown).toEqual({ ...Object.fromEntries(Object.keys(annotations).map((name) => [name, '[redacted]'])), number: null, inner: { deep: ['[redacted]'] }, ...counts })
  })
  test.each<[string, object | string]>([
    ['a member that no Secret has', { apiVersion: 'v1', kind: 'Secret', spec: { p: canary }, status: canary }], ['a misspelt one', { apiVersion: 'v1', kind: 'Secret', stringdata: { p: canary } }], ['annotations of its own', { apiVersion: 'v1', kind: 'Secret', metadata: { annotations: { note: canary } } }],
    ['no copy', { data: { p: canary } }], ['a list of it', JSON.stringify([secret])], ['a word', canary], ['two of them', `${JSON.stringify(secret)}${JSON.stringify({ p: canary })}`], ['a copy in a copy', { apiVersion: 'v1', kind: 'Secret', metadata: { annotations: { 'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify({ apiVersion: 'v1', kind: 'Secret', data: { p: canary } }) } } }],
  ])('whose copy for kubectl apply holds %s shows nothing of it', (_, copy) => {
    noCanary(masked(`${web}/secrets/s`, { ...secret, metadata: { name: 's', annotations: { 'kubectl.kubernetes.io/last-applied-configuration': typeof copy === 'string' ? copy : JSON.stringify(copy) } } }))
  })
  const list = { kind: 'SecretList', apiVersion: 'v1', metadata: { resourceVersion: '9' }, items: [{ metadata: secret.metadata, data: secret.data }, { metadata: { name: 'u' }, data: { p: b64(canary) } }] }
  const status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message: `Secret "s" is invalid: data[p]: Invalid value: "${canary}"`, reason: 'Invalid', details: { name: 's', kind: 'Secret', causes: [{ reason: 'FieldValueInvalid', message: `Invalid value: "${canary}"`, field: `data[p="${canary}"]` }] }, code: 422 }
  const table = { kind: 'Table', apiVersion: 'meta.k8s.io/v1', metadata: { resourceVersion: '1' }, columnDefinitions: [{ name: 'Name', type: 'string', format: 'name' }, { name: 'Type', type: 'string' }, { name: 'Data', type: 'string' }, { name: 'Age', type: 'string' }], rows: [{ cells: ['s', 'Opaque', 2, '5d'], object: secret }, { cells: ['t', 'Opaque', 0, '5d'], object: { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: secret.metadata } }] }
  const token = { kind: 'TokenRequest', apiVersion: 'authentication.k8s.io/v1', metadata: {}, spec: { expirationSeconds: 600 }, status: { token: canary, expirationTimestamp: '2026-01-01T00:00:00Z' } }
  test.each<[string, string, string, unknown, Asked]>([
    ['a list', 'GET', `${web}/secrets`, list, {}], ['a list of all namespaces', 'GET', '/api/v1/secrets?limit=1', list, {}], ['one by a selector', 'GET', `${web}/secrets?fieldSelector=metadata.name=s`, list, {}], ['a table with its objects', 'GET', `${web}/secrets?includeObject=Object`, table, {}], ['an answer to an empty patch', 'PATCH', `${web}/secrets/s`, secret, { body: {}, bodyType: 'application/merge-patch+json' }],
    ['a deleted collection', 'DELETE', `${web}/secrets?dryRun=All`, list, {}], ['a deleted object', 'DELETE', `${web}/secrets/s`, secret, {}], ['an object written', 'PUT', `${web}/secrets/s`, secret, { body: secret }], ['a refusal', 'PUT', `${web}/secrets/s`, status, { body: secret, status: 422 }], ['a refusal of a list', 'GET', `${web}/secrets`, status, { status: 422 }],
    ['a token', 'POST', `${web}/serviceaccounts/default/token`, token, { body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} } }],
    ['a Secret where none was asked for', 'GET', '/apis/acme.io/v1/widgets/w', secret, {}], ['a list of kind Secret', 'GET', '/api/v1/secrets', { ...list, kind: 'List' }, {}],
  ])('in %s is masked', (_what, method, target, answer, asked) => {
    const text = noCanary(masked(target, answer, { ...asked, method }))
    expect(JSON.parse(text)).toMatchObject({ kind: (answer as { kind: string }).kind })
  })
  test('in its table keeps the columns that count', () => { expect(JSON.parse(masked(`${web}/secrets?includeObject=Object`, table))).toMatchObject({ rows: [{ cells: ['s', 'Opaque', 2, '5d'] }, { cells: ['t', 'Opaque', 0, '5d'] }] }) })
  test('in an answer that cannot be read is withheld', () => {
    for (const answer of ['', '{"kind":"Secret","data":{"p":"x"}', '{"data":{"p":"x"}}{"data":{"p":"y"}}', '[{"data":{}}]', '{"data":{"p":"x"},}', '{"data":{"p":\'x\'}}', '{"data":{"p":01}}', `{"a":${'['.repeat(300)}${']'.repeat(300)}}`, '{"metadata":{},"metadata":{}}', '\ufeff{}'].slice(1)) expect(() => masked(`${web}/secrets/s`, answer), answer).toThrow()
    for (const answer of ['{"items":[', '{"items":[{}', '{"items":[{},]}', '{"items":[{}]} x', '{"items":[{}],"items":[{}]}', '{"items":[{}],"more":{"data":1}}', '[{}]', '{"items":[,{}]}', '{"items"[]}', '']) expect(() => masked(`${web}/secrets`, answer), answer).toThrow()
    for (const type of ['application/yaml', 'application/vnd.kubernetes.protobuf', 'application/cbor', 'text/plain', '']) expect(() => masked(`${web}/secrets/s`, secret, { type }), type).toThrow()
    expect(() => masked(`${web}/secrets/s`, Buffer.from([0x22, 0xff, 0x22]).toString('latin1'))).toThrow()
  })
  test('one of whose bytes is another never shows its value', () => {
    const text = JSON.stringify({ ...list, items: [secret] })
    const names = ['"items":[', '"metadata":{"name"', '"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"', '\\"data\\":{\\"q\\":', '"data":{"p":']
    let shown = 0
    fc.assert(fc.property(fc.nat(text.length - 1), fc.constantFrom('"', '\\', '{', '}', '[', ']', ',', ':', 'x', '\u0000', ' '), fc.boolean(), (at, char, insert) => {
      const changed = text.slice(0, at) + char + text.slice(at + (insert ? 0 : 1))
      for (const target of [`${web}/secrets`, `${web}/secrets/s`]) {
        let out = ''
        try { out = masked(target, changed) } catch { return }          // what cannot be masked is withheld whole
        shown++
        // A change inside a name makes it another member, which holds no class: `"dxta"` is nobody's secret. Every other one leaves the names as they are.
        if (names.every((name) => changed.includes(name))) expect(out).not.toContain(b64(canary))
      }
    }), { numRuns: Number(process.env.SLUICE_RUNS ?? 400) })
    expect(shown).toBeGreaterThan(0)
  })
  test('as a value for a preview is masked too', () => {
    noCanary(JSON.stringify(maskObject(secret, howOf('GET', `${web}/secrets/s`))))
    expect(maskObject({ a: 1 }, howOf('GET', `${web}/pods/x`))).toEqual({ a: 1 })
  })
})

describe('a refusal about an object with a class', () => {
  const say = (status: object) => (JSON.parse(masked(`${web}/secrets/s`, { kind: 'Status', status: 'Failure', ...status }, { status: 404 })) as { message: string }).message
  test('says in the server\'s own words which object, and which fields', () => {
    expect(say({ reason: 'NotFound', details: { name: 's', kind: 'secrets' }, code: 404, message: canary })).toBe('secrets "s" not found')
    expect(say({ reason: 'AlreadyExists', details: { name: 's', kind: 'secrets' }, code: 409 })).toBe('secrets "s" already exists')
    expect(say({ reason: 'Invalid', details: { name: 's', kind: 'Secret', causes: [{ field: 'data[a]', message: canary }] }, code: 422 })).toBe('Secret "s" is invalid: data[a]')
    noCanary(say({ reason: canary, details: { name: `s ${canary}`, kind: canary + ' ' }, code: 400 }))
  })
  test('of another kind is the server\'s', () => {
    const text = '{"kind":"Status","status":"Failure","message":"pods \\"x\\" not found","reason":"NotFound","code":404}'
    expect(masked(`${web}/pods/x`, text, { status: 404 })).toBe(text)
    expect(masked(`${web}/pods/x`, text.replace('not found', 'has ada@example.com'), { status: 404, detect: ['email'] })).toContain('[redacted: email]')
  })
})

describe('paths that a policy classifies', () => {
  const classes = { 'acme.io/widgets:spec.keys[*].value': 'pii.key', 'acme.io/widgets:spec.pin': 'pii.pin', 'acme.io/widgets:spec.tags': 'pii.tag', 'acme.io/widgets:spec.note': 'none' } as const
  const widget = { apiVersion: 'acme.io/v1', kind: 'Widget', metadata: { name: 'w', managedFields: [{ fieldsV1: { 'f:spec': { 'f:tags': { '.': {}, 'v:"canary-7f3a9"': {} }, 'f:keys': { 'k:{"value":"canary-7f3a9"}': { 'f:value': {} } } } } }] }, spec: { keys: [{ name: 'a', value: canary }], pin: 1234, tags: [canary, { x: canary, y: true, z: null }], note: 'ada@example.com', other: 'ada@example.com' } }
  test('are masked at any depth, and as what they may be: text as text, anything else as null', () => {
    const shown = JSON.parse(noCanary(masked('/apis/acme.io/v1/namespaces/web/widgets/w', widget, { classes, detect: ['email'] }))) as typeof widget
    expect(shown.spec).toEqual({ keys: [{ name: 'a', value: '[redacted]' }], pin: null, tags: ['[redacted]', { x: '[redacted]', y: null, z: null }], note: 'ada@example.com', other: '[redacted: email]' })
    expect(shown.metadata.managedFields).toEqual([{ fieldsV1: { 'f:spec': { 'f:tags': { '.': {}, 'v:"[redacted]"': {} }, 'f:keys': { 'k:"[redacted]"': { 'f:value': {} } } } } }])
  })
  test('hide annotations with them, those of a template too; other kinds have detectors look through theirs', () => {
    const noted = (word: string) => ({ metadata: { annotations: { note: word } } })
    const one = { apiVersion: 'acme.io/v1', kind: 'Widget', ...noted(canary), spec: { template: noted(canary), list: [noted(canary)], annotations: { note: 'shown' } } }
    for (const text of [masked('/apis/acme.io/v1/widgets/w', one, { classes }), masked('/apis/acme.io/v1/widgets', { kind: 'WidgetList', items: [one] }, { classes }), masked('/apis/acme.io/v1/widgets?watch=true', { type: 'ADDED', object: one }, { classes })]) expect(noCanary(text)).toContain('shown')
    expect(masked('/apis/acme.io/v1/widgets/w', one, { classes, mask: null })).toContain(canary)
    const pod = masked(`${web}/pods/p`, { kind: 'Pod', metadata: { annotations: { owner: 'ada@example.com', note: canary } } }, { detect: ['email'] })
    expect([pod.includes('[redacted: email]'), pod.includes('ada@'), pod.includes(canary)]).toEqual([true, false, true])
    const opened = { ...classes, 'acme.io/widgets:metadata.annotations.acme\\.io/team': 'none' } as const
    expect(JSON.parse(masked('/apis/acme.io/v1/widgets/w', { metadata: { annotations: { 'acme.io/team': 'web', note: canary } } }, { classes: opened }))).toEqual({ metadata: { annotations: { 'acme.io/team': 'web', note: '[redacted]' } } })
  })
  test.each([['AllowList', 'items'], ['Table', 'rows']])('are masked in an object whose kind is called %s and which has %s of its own', (kind, member) => {
    const classes = { [`acme.io/allowlists:${member}[*].value`]: 'pii.key', 'acme.io/allowlists:spec.token': 'pii.key' } as const
    const one = { apiVersion: 'acme.io/v1', kind, metadata: { name: 'a' }, [member]: [{ name: 'plain', value: canary }], spec: { token: canary } }
    const path = '/apis/acme.io/v1/namespaces/web/allowlists'
    expect(noCanary(masked(`${path}/a`, one, { classes }))).toContain('plain')
    noCanary(masked(`${path}?watch=true`, { type: 'ADDED', object: one }, { classes }))
    noCanary(masked(path, { apiVersion: 'acme.io/v1', kind: 'AllowListList', metadata: {}, items: [one] }, { classes }))
    noCanary(masked(path, { apiVersion: 'acme.io/v1', kind: 'AllowListList', metadata: {}, items: [one] }, { classes, method: 'DELETE' }))
  })
  test('in columns that others chose are withheld, but for the name and the age', () => {
    const table = { kind: 'Table', columnDefinitions: [{ name: 'Name' }, { name: 'Pin' }, { name: 'Age' }, { name: 'Keys' }], rows: [{ cells: ['w', 1234, '5d3h', canary], object: { metadata: { name: 'w' } } }, { cells: ['w', null, canary, 'x'], object: null }] }
    expect(JSON.parse(noCanary(masked('/apis/acme.io/v1/widgets', table, { classes })))).toMatchObject({ rows: [{ cells: ['w', '[redacted]', '5d3h', '[redacted]'] }, { cells: ['w', null, '[redacted]', '[redacted]'] }] })
    expect(masked('/apis/acme.io/v1/widgets', JSON.stringify(table), { classes, mask: null })).toContain(canary)
  })
})

describe('what is not masked', () => {
  const text = '{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"12"},"items":[{"a":9007199254740993,"b":1.0,"c":1e400,"d":-0,"e":"\\u0041\\/\\n","f":  [ 1 , 2 ],"a":{}},null,{}]}'
  test('keeps its numbers, its order and its escapes', () => {
    for (const detect of [[], detectorNames]) expect(masked(`${web}/pods`, text, { detect })).toBe(`${text}\n`)
    const one = '{"a":9007199254740993,"b":1.0,"c":1e400,"e":"\\u0041\\/"}'
    for (const detect of [[], detectorNames]) expect(masked(`${web}/pods/x`, one, { detect })).toBe(one)
  })
  test('is the same JSON as without the gate, whatever it is', () => {
    fc.assert(fc.property(fc.jsonValue({ maxDepth: 5 }), fc.nat(3), (value, space) => {
      const text = JSON.stringify({ value }, null, space)
      expect(masked(`${web}/secrets/s`, text)).toBe(text)
      expect(JSON.parse(masked(`${web}/secrets`, JSON.stringify({ items: [value, value] }, null, space)))).toEqual(JSON.parse(JSON.stringify({ items: [value, value] })))
    }), { numRuns: 500 })
  })
  test('is looked through for what has a form, names of members too, but for what says which object it is', () => {
    const shown = JSON.parse(masked(`${web}/configmaps/a`, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'ada@example.com', uid: '4111-1111-1111-1111', labels: { mail: 'ada@example.com' } }, data: { 'ada@example.com': '1', 'bob@example.com': '2', card: '4111 1111 1111 1111' }, n: 4111111111111111 }, { detect: detectorNames })) as Record<string, Record<string, unknown>>
    expect(shown).toEqual({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'ada@example.com', uid: '4111-1111-1111-1111', labels: { mail: '[redacted: email]' } }, data: { '[redacted: email]': '1', '[redacted: email] (2)': '2', card: '[redacted: credit-card]' }, n: null })
  })
  test('is looked through wherever members are only called like those that say which object it is', () => {
    const text = 'ada@example.com'
    const shown = masked('/apis/acme.io/v1/namespaces/web/widgets/w', { apiVersion: 'acme.io/v1', kind: 'Widget', metadata: { name: text }, data: { kind: text, apiVersion: text }, spec: { metadata: { name: text, uid: text } } }, { detect: detectorNames })
    expect(shown.split(text)).toHaveLength(2)
    expect(JSON.parse(shown)).toMatchObject({ metadata: { name: text }, spec: { metadata: { uid: '[redacted: email]' } } })
  })
  test('is looked through in its base64 too, where a ConfigMap says that it is', () => {
    const shown = masked(`${web}/configmaps/a`, { kind: 'ConfigMap', binaryData: { a: b64('call ada@example.com'), b: '/9j/4AAQ' } }, { detect: ['email'] })
    expect(JSON.parse(shown)).toEqual({ kind: 'ConfigMap', binaryData: { a: b64('call [redacted: email]'), b: '/9j/4AAQ' } })
  })
  test('of no resource passes as it is', () => {
    const bytes = Buffer.from([0, 1, 2, 0xff])
    const masker = createMasker(howOf('GET', '/openapi/v2', { type: 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf' }))
    expect(Buffer.concat([masker.write(bytes), masker.end()])).toEqual(bytes)
  })
})

describe('a list in pieces', () => {
  const items = Array.from({ length: 40 }, (_, n) => ({ metadata: { name: `s${n}`, annotations: { 'a"b\\': '\\"}],{' } }, data: { p: b64(`${canary}${n}`) } }))
  const text = JSON.stringify({ kind: 'SecretList', apiVersion: 'v1', metadata: {}, items }, null, 1)
  test('of any size comes out the same', () => {
    const whole = masked(`${web}/secrets`, text)
    for (const size of [1, 2, 3, 7, 64, 1000]) expect(through(createMasker(howOf('GET', `${web}/secrets`)), text, size)).toBe(whole)
    expect((JSON.parse(noCanary(whole)) as { items: unknown[] }).items).toHaveLength(40)
  })
  test('gives each item when it is whole, counts them, and keeps none', () => {
    const masker = createMasker(howOf('GET', '/api/v1/pods'))
    const item = JSON.stringify({ metadata: { name: 'x' }, spec: 'y'.repeat(50_000) })
    masker.write(Buffer.from('{"kind":"PodList","items":['))
    for (let n = 1; n <= 200; n++) {
      expect(masker.write(Buffer.from(n === 1 ? item : `,${item}`)).length).toBeGreaterThan(50_000)
      expect(masker.items).toBe(n)
    }
    masker.write(Buffer.from(']}'))
    masker.end()
  })
  test('with one item over 8 MiB is cut', () => {
    const masker = createMasker(howOf('GET', '/api/v1/pods'))
    masker.write(Buffer.from('{"items":[{"a":"'))
    expect(() => { for (let n = 0; n < 200; n++) masker.write(Buffer.from('y'.repeat(65_536))) }).toThrow()
  })
})

test('a log that the caller has end in the middle of a line shows nothing of that line', () => {
  const half = 'paid\ncard 4111 1111 1111 11'
  expect(masked(`${web}/pods/p/log?limitBytes=27`, half, { detect: detectorNames, type: 'text/plain' })).toBe('paid\n[withheld: the line is cut]\n')
  expect(masked(`${web}/pods/p/log?limitBytes=27`, 'paid\n', { detect: detectorNames, type: 'text/plain' })).toBe('paid\n')
  expect(masked(`${web}/pods/p/log`, 'paid\nlast', { detect: detectorNames, type: 'text/plain' })).toBe('paid\nlast')
  expect(masked(`${web}/pods/p/log?limitBytes=27`, half, { type: 'text/plain' })).toBe(half)
})

describe('watch events', () => {
  const events = [{ type: 'ADDED', object: secret }, { type: 'BOOKMARK', object: { kind: 'Secret', apiVersion: 'v1', metadata: { resourceVersion: '5' } } }, { type: 'DELETED', object: secret }, { type: 'ERROR', object: { kind: 'Status', status: 'Failure', reason: 'Expired', message: canary, code: 410 } }]
  test('are masked one by one, in any pieces, the error too', () => {
    const text = events.map((event) => `${JSON.stringify(event)}\n`).join('')
    const whole = noCanary(masked(`${web}/secrets?watch=1`, text))
    for (const size of [1, 5, 77]) expect(through(createMasker(howOf('GET', `${web}/secrets?watch=1`)), text, size)).toBe(whole)
    expect(whole.trim().split('\n').map((line) => (JSON.parse(line) as { type: string }).type)).toEqual(['ADDED', 'BOOKMARK', 'DELETED', 'ERROR'])
  })
  test('as tables know their columns from the first', () => {
    const columnDefinitions = [{ name: 'Name' }, { name: 'Pin' }, { name: 'Age' }]
    const row = (first: boolean) => JSON.stringify({ type: 'ADDED', object: { kind: 'Table', columnDefinitions: first ? columnDefinitions : null, rows: [{ cells: ['w', 'x', '5d'], object: null }] } })
    const out = masked('/apis/acme.io/v1/widgets?watch=1', `${row(true)}\n${row(false)}\n`, { classes: { 'acme.io/widgets:spec.pin': 'pii.pin' } })
    expect(out.match(/\["w","\[redacted\]","5d"\]/g)).toHaveLength(2)
  })
  test('of a form not known end the stream, and half of one is not given', () => {
    for (const event of ['{"type":"ADDED"}', '{"type":"NEW","object":{}}', '{"type":"ADDED","object":{},"more":1}', '[]', 'x']) expect(() => masked('/api/v1/pods?watch=1', `${event}\n`), event).toThrow()
    expect(masked('/api/v1/pods?watch=1', '{"type":"ADDED","object":{}}\n{"type":"ADDED","obj')).toBe('{"type":"ADDED","object":{}}\n')
  })
})
