import { describe, expect, it } from 'vitest'
import { disagreements, type Heard } from './agreement.ts'

/** The comparison itself: what it must not let pass. */
const reading = { isResource: true, verb: 'get', group: '', resource: 'pods', subresource: '', namespace: 'web', name: 'front', dryRun: false }
const heard = (more: Partial<NonNullable<Heard['reading']>> = {}, audit = 'a1'): Heard => ({ audit, user: 'u', said: 'GET /x', reading: { ...reading, ...more } })
const access = { action: 'get', resource: 'pods', namespace: 'web', name: 'front' }
const story = (accesses: readonly object[] = [access], evaluation = 'eval_1') => [{ kind: 'intent', evaluation, accesses }, { kind: 'outcome', evaluation, answered: { status: 200, audit: 'a1' } }]

describe('what an API server read, held against the record', () => {
  it('agrees where verb, resource, namespace and name are those of the very request', () => {
    expect(disagreements([heard()], story())).toEqual([])
    expect(disagreements([heard({ group: 'apps', resource: 'deployments', subresource: 'scale' })], story([{ ...access, resource: 'apps/deployments/scale' }]))).toEqual([])
    expect(disagreements([heard({ verb: 'create', name: '' })], story([{ ...access, action: 'create' }]))).toEqual([])
  })
  it.each([
    ['another verb', { verb: 'list' }], ['another namespace', { namespace: 'data' }], ['no namespace', { namespace: '' }], ['another name', { name: 'other' }], ['no name', { name: '' }], ['another resource', { resource: 'secrets' }], ['a subresource', { subresource: 'log' }],
    ['another group', { group: 'apps' }], ['a dry run of another object', { verb: 'patch', name: 'other', dryRun: true }], ['no resource at all', { isResource: false }],
  ])('does not agree with %s', (_, more) => {
    expect(disagreements([heard(more)], story())).toHaveLength(1)
  })
  it('counts a look before a write by its object, and nothing else that is not on record', () => {
    const write = story([{ ...access, action: 'patch' }])
    expect(disagreements([heard({}, 'look'), heard({ verb: 'patch', dryRun: true }, 'try')], write)).toEqual([])
    expect(disagreements([heard({ verb: 'patch' }, 'again')], write)).toHaveLength(1)
    expect(disagreements([heard({ verb: 'patch', conflict: true }, 'first')], write)).toEqual([])
    expect(disagreements([heard({ verb: 'delete', conflict: true }, 'first')], write)).toHaveLength(1)
    expect(disagreements([heard({ name: 'other' }, 'look')], write)).toHaveLength(1)
    expect(disagreements([heard()], [])).toHaveLength(1)
    expect(disagreements([{ ...heard(), reading: null }], story())).toHaveLength(1)
  })
  it('takes no other call\'s accesses for those of the request', () => {
    expect(disagreements([heard()], [...story([{ ...access, name: 'mine' }]), { kind: 'intent', evaluation: 'eval_2', accesses: [access] }])).toHaveLength(1)
  })
})
