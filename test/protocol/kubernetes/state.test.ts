import { describe, expect, test } from 'vitest'
import type { Dry } from '../../../functions/protocol/kubernetes/plan.ts'
import { stateOf } from '../../../functions/protocol/kubernetes/state.ts'
import { apply, judged, merge, patch, web } from './judged.ts'

type Value = Readonly<Record<string, unknown>>
const widget = '/apis/acme.io/v1/namespaces/web/widgets/w'
const deployment = '/apis/apps/v1/namespaces/web/deployments/d'
const meta = { name: 'w', uid: 'u-1', resourceVersion: '7', generation: 1 }
/** The fingerprint of a write, and on what it was decided. */
const judge = (target: string, body: unknown, type: string, oldObject: Value, object?: Value | null) => {
  const { effects, plan } = judged('PATCH', target, body, type, { dry: { oldObject, ...(object === undefined ? {} : { object }) } as Dry })
  return { print: effects.fingerprint, basis: plan.basis }
}

describe('of a status that a write changes', () => {
  const type = (...types: string[]) => ({ metadata: meta, spec: { size: 1 }, status: { conditions: types.map((type) => ({ type, status: 'True' })), beat: types.length } })
  const first = [{ op: 'remove', path: '/status/conditions/0' }]
  test.each([['the status itself', `${widget}/status`], ['a kind that is not Kubernetes\' own, whose definition may keep no status apart', widget], ['a status of Kubernetes\' own', `${deployment}/status`]])('an approval is over the members that it changes: %s', (_, target) => {
    const asked = judge(target, first, patch, type('Maintenance', 'Quarantined'), { ...type('Maintenance', 'Quarantined'), status: { conditions: [{ type: 'Quarantined', status: 'True' }], beat: 2 } })
    const then = judge(target, first, patch, type('Quarantined', 'Maintenance'), { ...type('Quarantined', 'Maintenance'), status: { conditions: [{ type: 'Maintenance', status: 'True' }], beat: 2 } })
    expect(asked.basis?.status).toEqual(['conditions'])
    expect(then.print).not.toBe(asked.print)
  })
  test('what a controller keeps writing beside them makes nothing stale', () => {
    const at = (beat: number) => ({ metadata: meta, status: { phase: 'Ready', beat } })
    const asked = (beat: number) => judge(`${widget}/status`, { status: { phase: 'Draining' } }, merge, at(beat), { ...at(beat), status: { phase: 'Draining', beat } }).print
    expect(asked(2)).toBe(asked(1))
  })
  test('a write of the rest of such an object is over none of it', () => {
    const at = (beat: number) => ({ metadata: meta, spec: { size: 1 }, status: { beat } })
    const asked = (beat: number) => judge(widget, { spec: { size: 2 } }, merge, at(beat), { ...at(beat), spec: { size: 2 } }).print
    expect(asked(2)).toBe(asked(1))
  })
  test('where nobody could tell what changes, it is over all of it', () => {
    const asked = (phase: string) => judge(`${widget}/status`, { status: { a: 1 } }, merge, { metadata: meta, status: { phase } }).print
    expect(asked('a')).not.toBe(asked('b'))
  })
  test.each<[string, unknown, unknown]>([['comes', undefined, { a: 1 }], ['is no object', 'Ready', 'Draining'], ['becomes one', 'Ready', { a: 1 }]])('one that %s is told from another', (_, before, after) => {
    const asked = (status: unknown) => judge(`${widget}/status`, { status: after }, merge, { metadata: meta, ...(status === undefined ? {} : { status }) }, { metadata: meta, status: after }).print
    expect(asked(before)).not.toBe(asked('Failed'))
  })
})

describe('what a JSON patch copies', () => {
  const at = (value: number) => ({ metadata: { ...meta, generation: value, managedFields: [{ manager: `m${value}` }] }, spec: { replicas: 1 }, status: { replicas: value } })
  // The words stay the same, and what they do is another thing.
  test.each(['/status/replicas', '/metadata/generation', '/metadata/managedFields/0/manager'])('from %s is what an approval is over', (from) => {
    const asked = (value: number) => judge(deployment, [{ op: 'copy', from, path: '/metadata/annotations/x' }], patch, at(value), at(value)).print
    expect(asked(50)).not.toBe(asked(3))
  })
  test('from what every approval covers changes nothing', () => {
    const asked = (value: number) => judge(deployment, [{ op: 'copy', from: '/spec/replicas', path: '/metadata/annotations/x' }, { op: 'test', path: '/status/replicas', value: 3 }], patch, at(value), at(value)).print
    expect(asked(50)).toBe(asked(3))
  })
})

describe('an apply', () => {
  const entry = (manager: string, fields: object, more: object = {}) => ({ manager, operation: 'Apply', time: '2026-01-01T00:00:00Z', fieldsV1: fields, ...more })
  const asked = (managedFields: unknown, type = apply) => judge(`${deployment}?fieldManager=agent&force=true`, { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'd' } }, type, { metadata: { ...meta, managedFields }, spec: { replicas: 3 } }, { metadata: { ...meta, managedFields }, spec: { replicas: 3 } }).print
  test('takes away what its manager has and does not say, so an approval is over who manages what', () => {
    expect(asked([entry('agent', { 'f:spec': { 'f:replicas': {} } })])).not.toBe(asked([entry('agent', {})]))
  })
  test('but not over when, nor over who manages the status', () => {
    expect(asked([entry('agent', {}, { time: '2026-01-02T00:00:00Z' }), entry('kubelet', { 'f:status': {} }, { subresource: 'status' })])).toBe(asked([entry('agent', {})]))
  })
  test('no other write is over it, unless it sets it', () => {
    expect(judge(deployment, { spec: { replicas: 4 } }, merge, { metadata: { ...meta, managedFields: [entry('a', {})] } }, { metadata: meta }).print).toBe(judge(deployment, { spec: { replicas: 4 } }, merge, { metadata: meta }, { metadata: meta }).print)
    const setting = (fields: unknown) => judge(deployment, [{ op: 'remove', path: '/metadata/managedFields/0' }], patch, { metadata: { ...meta, managedFields: fields } }, { metadata: meta }).print
    expect(setting([entry('a', {}), entry('b', {})])).not.toBe(setting([entry('b', {}), entry('a', {})]))
  })
})

describe('a pod that something is done to by its name', () => {
  const pod = (uid: string, image: string) => ({ uid, containers: [{ name: 'c', image }] })
  const asked = (target: string, body: unknown, found: Dry['pod']) => judged('POST', target, body, 'application/json', { dry: found === undefined ? {} : { pod: found } }).effects.fingerprint
  test.each<[string, unknown]>([[`${web}/pods/db-0/eviction`, { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'db-0' } }], [`${web}/pods/db-0/exec?command=ls`, null]])('is that pod, and what runs in it: %s', (target, body) => {
    const prints = [pod('u-1', 'scratch:1'), pod('u-2', 'scratch:1'), pod('u-1', 'postgres:18'), null, undefined].map((found) => asked(target, body, found))
    expect(new Set(prints).size).toBe(prints.length)
  })
})

test('none and unseen are told apart, and from an object of nothing', () => {
  expect(new Set([stateOf(null), stateOf(undefined), stateOf({})]).size).toBe(3)
})
