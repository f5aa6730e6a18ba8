import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { changeOf } from '../../../functions/protocol/kubernetes/change.ts'
import { classify } from '../../../functions/protocol/kubernetes/classify.ts'
import { readRequest } from '../../../functions/protocol/kubernetes/request.ts'
import { unifiedDiff } from '../../../functions/protocol/kubernetes/diff.ts'

type Value = Readonly<Record<string, unknown>>
const diff = (before: Value | null, after: Value | null, shown: (value: Value) => Value = (value) => value) =>
  unifiedDiff({ before: { clear: before, shown: before && shown(before) }, after: { clear: after, shown: after && shown(after) } })

describe('a change as people see it', () => {
  const deployment = (replicas: number, more = {}) => ({ kind: 'Deployment', metadata: { name: 'front', uid: 'u', resourceVersion: String(replicas), generation: replicas, managedFields: [{ manager: `m${replicas}` }], annotations: { 'kubectl.kubernetes.io/last-applied-configuration': `{"replicas":${replicas}}` } }, spec: { replicas, template: { a: 1, b: 2, c: 3, d: 4, e: 5 } }, status: { observed: replicas }, ...more })
  test('is what is decided by, with three lines around it', () => {
    expect(diff(deployment(2), deployment(5))).toBe('@@ -2 +2 @@\n metadata:\n   name: front\n spec:\n-  replicas: 2\n+  replicas: 5\n   template:\n     a: 1\n     b: 2')
  })
  test('is nothing where only controllers wrote', () => {
    expect(diff(deployment(2), { ...deployment(2), metadata: { ...deployment(2).metadata, resourceVersion: '9', managedFields: [] }, status: { observed: 9 } })).toBe('')
  })
  test('is of the status where that is what is written', () => {
    const [before, after] = [{ kind: 'CertificateSigningRequest', status: {} }, { kind: 'CertificateSigningRequest', status: { conditions: [{ type: 'Approved' }] } }]
    expect(unifiedDiff({ before: { clear: before, shown: before }, after: { clear: after, shown: after }, status: true })).toMatch(/^\+.*type: Approved$/m)
    expect(unifiedDiff({ before: { clear: { ...before, status: { a: 'x' } }, shown: before }, after: { clear: { ...after, status: { a: 'y' } }, shown: before }, status: true })).toContain('# status.a: changes, and is masked')
  })
  test('of an approval of a certificate is of its status, and of a label on it is not', () => {
    const csr = (label: string, conditions: readonly object[]) => ({ apiVersion: 'certificates.k8s.io/v1', kind: 'CertificateSigningRequest', metadata: { name: 'c', labels: { a: label } }, status: { conditions } })
    const [before, after] = [csr('a', []), csr('b', [{ type: 'Approved' }])]
    const seen = (sub: string) => {
      const read = readRequest('PUT', `/apis/certificates.k8s.io/v1/certificatesigningrequests/c${sub}`, { 'content-type': 'application/json' }, Buffer.from(JSON.stringify(after)))
      if (!read.ok) throw new Error(read.refusal.detail)
      const dry = { object: after, oldObject: before }
      const found = classify({ name: 'cluster' }, read.value, dry)
      return found.ok ? changeOf(found.value, dry, [], undefined) : ''
    }
    expect([seen('/approval'), seen('/status'), seen('')].map((text) => text.includes('Approved'))).toEqual([true, true, false])
  })
  test('shows what else a write makes of a kind that others defined, whose status may lie in the object, and that it sets who manages what', () => {
    const widget = (status: object, managedFields: object[]) => ({ apiVersion: 'acme.io/v1', kind: 'Widget', metadata: { name: 'w', managedFields }, status })
    const body = { status: { approved: true }, metadata: { managedFields: [{}] } }
    const read = readRequest('PATCH', '/apis/acme.io/v1/namespaces/web/widgets/w', { 'content-type': 'application/merge-patch+json' }, Buffer.from(JSON.stringify(body)))
    if (!read.ok) throw new Error(read.refusal.detail)
    const dry = { object: widget({ approved: true }, []), oldObject: widget({}, [{ manager: 'helm' }]) }
    const found = classify({ name: 'cluster' }, read.value, dry)
    expect(found.ok && changeOf(found.value, dry, [], undefined)).toMatch(/^# it sets who manages which field[^]*^\+ {2}approved: true$/m)
  })
  test('says what changes in the copy alone, also beside a change that is seen', () => {
    const one = (replicas: number, copy: object) => ({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'd', annotations: { 'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify(copy) } }, spec: { replicas } })
    const seen = (oldObject: object, object: object) => {
      const read = readRequest('PATCH', '/apis/apps/v1/namespaces/web/deployments/d', { 'content-type': 'application/merge-patch+json' }, Buffer.from('{}'))
      if (!read.ok) throw new Error(read.refusal.detail)
      const dry = { object: object as Value, oldObject: oldObject as Value }
      const found = classify({ name: 'cluster' }, read.value, dry)
      return found.ok ? changeOf(found.value, dry, [], undefined) : ''
    }
    expect(seen(one(1, { spec: { replicas: 1 } }), one(2, { spec: { replicas: 2, paused: true } }))).toMatch(/^# the copy that `kubectl apply` keeps changes where the object does not: spec\.paused\n@@/)
    expect(seen(one(1, { spec: { replicas: 1 } }), one(2, { spec: { replicas: 2 } }))).toMatch(/^@@/)
  })
  test('says where only the copy changes that the next apply takes for what was there', () => {
    const copied = (text: string) => ({ ...deployment(2), metadata: { ...deployment(2).metadata, annotations: { 'kubectl.kubernetes.io/last-applied-configuration': text } } })
    expect(diff(copied('{}'), copied('{"spec":{"template":{}}}'))).toMatch(/^# only the copy changes/)
  })
  test('of a create is all of it, of a delete likewise', () => {
    expect(diff(null, { a: 1 })).toBe('@@ -1 +1 @@\n+a: 1')
    expect(diff({ a: 1 }, null)).toBe('@@ -1 +1 @@\n-a: 1')
    expect(diff(null, null)).toBe('')
  })
  test('the order of keys is no change', () => {
    expect(diff({ a: 1, b: { c: 1, d: 2 } }, { b: { d: 2, c: 1 }, a: 1 })).toBe('')
  })
  test('a masked value that changes is named, and neither value is there', () => {
    const text = diff({ data: { key: 'CANARY-a', same: 'CANARY-s' } }, { data: { key: 'CANARY-b', same: 'CANARY-s' } }, () => ({ data: { key: '***', same: '***' } }))
    expect(text).toBe('# data.key: changes, and is masked')
  })
  test('nothing draws another change than is made: line ends, controls and marks that turn writing round are spelt out', () => {
    const text = diff({ note: 'x' }, { note: 'a\u202egnp.exe', 'k\u0007': 'b\r\n-spec: gone\n+spec: kept' })
    expect(text).not.toMatch(/[\u202e\u0007\r]/)
    expect(text.split('\n').every((line) => /^(@@|[ +-])/.test(line))).toBe(true)
    expect(text.split('\n').filter((line) => /^[+-]spec:/.test(line))).toEqual([])
  })
  test('is cut at 64 KB, and says so', () => {
    const text = diff({}, { data: Object.fromEntries(Array.from({ length: 5000 }, (_, n) => [`key-${n}`, 'value '.repeat(10)])) })
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(65_536)
    expect(text.split('\n').at(-1)).toMatch(/^# cut here: \d+ of \d+ lines of this change are not shown$/)
    const wide = diff({}, { a: 'x'.repeat(200_000), b: 1 })
    expect(Buffer.byteLength(wide)).toBeLessThanOrEqual(65_536)
    expect(wide).toContain('# cut here')
  })
  test.each(['\u2028', '\u2029', '\u00a0', '\u3000', '\u3164', '\u2800', '\ufe0f', '\u202e', '\u{e0041}'])('what breaks a line, looks like a space or like nothing is shown as what it is (%#)', (mark) => {
    const text = diff({}, { a: `x${mark}+  image: safe`, [`b${mark}`]: `one\ntwo${mark}` })
    expect(text).not.toContain(mark)
    expect(text.split(`\\u{${mark.codePointAt(0)?.toString(16)}}`)).toHaveLength(4)
  })
  test('two objects that have nothing in common take no time without end', () => {
    const list = (seed: number) => ({ items: Array.from({ length: 6000 }, (_, n) => `${seed}-${(n * 7919) % 6000}`) })
    expect(diff(list(1), list(2))).toContain('# cut here')
  })
})

test('a diff, undone and done, gives each side', () => {
  const value = fc.dictionary(fc.stringMatching(/^[a-e]$/), fc.oneof(fc.integer({ min: 0, max: 3 }), fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 6 }), fc.dictionary(fc.stringMatching(/^[a-e]$/), fc.integer({ min: 0, max: 3 }))), { minKeys: 1 })
  fc.assert(fc.property(value, value, (before, after) => {
    const whole = (one: Value) => diff(null, one).split('\n').slice(1).map((line) => line.slice(1))
    const [old, fresh] = [whole(before), whole(after)]
    const lines = diff(before, after).split('\n').filter((line) => line !== '' )
    let [from, to] = [0, 0]
    for (const line of lines) {
      const [, a, b] = /^@@ -(\d+) \+(\d+) @@$/.exec(line) ?? []
      if (a !== undefined && b !== undefined) {
        expect(old.slice(from, Number(a) - 1)).toEqual(fresh.slice(to, Number(b) - 1))     // what is not shown is the same
        ;[from, to] = [Number(a) - 1, Number(b) - 1]
        continue
      }
      if (line[0] !== '+') expect(old[from++]).toBe(line.slice(1))
      if (line[0] !== '-') expect(fresh[to++]).toBe(line.slice(1))
    }
    expect(old.slice(from)).toEqual(fresh.slice(to))
  }), { numRuns: 300 })
})
