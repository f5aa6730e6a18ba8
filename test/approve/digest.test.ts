import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Bound } from '../../schema/approval.ts'
import type { Caller } from '../../schema/caller.ts'
import { bind, callKeyOf, differenceOf, digestOf } from '../../functions/approve/digest.ts'
import { asked } from './asked.ts'

/** Something in every place there is. */
const bound: Bound = asked({
  actors: [{ id: 'agent:a', kind: 'agent', groups: ['g', 'h'] }, { id: 'agent:b', kind: 'agent', groups: [] }], claims: { tenant: 'acme', level: 1, nested: { mfa: true, none: null } },
  query: {
    statements: [{ sql: 'select 1', params: [1, '1', true, 'true', null, 'null', 1.5, [1, [2]], { a: 1, b: null }, '', '\u0000ä😀'] }, { sql: 'select 2', params: [] }],
    batch: true, isolation: 'serializable', reveal: ['pii.email', 'pci.pan'], rowMode: 'object', maxRows: 10,
  },
  accesses: [{ action: 'select', resource: 'public.a', columns: ['id', 'email'], via: ['public.v'], statement: 0 }, { action: 'call', resource: 'public.f', columns: null, via: [], statement: 1 }, { action: 'patch', resource: 'apps/deployments', columns: null, via: [], statement: 1, target: { namespace: 'web', name: null, needs: ['host-path', 'privileged'] } }],
  shown: [{ statement: 0, output: 1, resource: 'public.a', column: 'email', dataClass: 'pii.email', mask: 'email' }, { statement: 0, output: 2, resource: 'public.a', column: 'ssn', dataClass: 'pii.ssn', mask: null }],
  used: [{ statement: 0, resource: 'public.a', column: 'ssn', dataClass: 'pii.ssn', how: 'in a where clause' }],
  obligations: { revealed: ['pii.ssn'], detect: ['iban'], limits: { rows: 1, bytes: 2, timeoutMs: 3, affected: 4, cost: 5, statementsPerHour: null, rowsPerHour: 6 } },
  demands: [{ by: ['leads', 'user:a'], quorum: 2, withinMs: 1000, rule: 'r.rules[0]' }, { by: ['security'], quorum: 1, withinMs: 900, rule: 'r.rules[1]' }],
  rules: [{ name: 'r.rules[0]', content: 'c0' }, { name: 'r.rules[1]', content: 'c1' }],
}).bound

type Path = readonly (string | number)[]
interface Change { readonly what: string; readonly path: Path; readonly bound: Bound }
const gone = Symbol('gone')

/** Every single change of every value: another value of its kind, the same text as another type, null, nothing, one item more, fewer, or in another order. */
function changesOf(value: unknown, path: Path = []): readonly Change[] {
  const to = (what: string, next: unknown): Change => ({ what: `${path.join('.')} ${what}`, path, bound: path.length === 0 ? next as Bound : put(bound, path, next) as Bound })
  const here = path.length === 0 ? [] : [to('gone', gone), ...(value === null ? [to('null as text', 'null'), to('null as 0', 0), to('null as false', false), to('null as empty', '')] : [to('null', null)])]
  switch (typeof value) {
    case 'string': return [...here, to('longer', `${value} `), to('other capitals', value === value.toUpperCase() ? `${value}x` : value.toUpperCase()), to('in a list', [value]), ...(value !== '' && Number.isFinite(Number(value)) ? [to('as a number', Number(value))] : []), ...(value === 'true' ? [to('as a boolean', true)] : [])]
    case 'number': return [...here, to('one more', value + 1), to('as text', String(value)), to('a little more', value + 0.5)]
    case 'boolean': return [...here, to('not', !value), to('as text', String(value)), to('as a number', Number(value))]
    case 'object': {
      if (value === null) return here
      if (Array.isArray(value)) {
        const turned = value.length > 1 ? [to('turned', value.toReversed())] : []
        return [...here, to('more', [...value, null]), ...(value.length > 0 ? [to('fewer', value.slice(0, -1))] : []), ...turned, to('as an object', { ...value }), ...value.flatMap((item, i) => changesOf(item, [...path, i]))]
      }
      return [...here, ...Object.entries(value).flatMap(([key, member]) => changesOf(member, [...path, key])), to('one member more', { ...value, extra: null })]
    }
    default: throw new Error('not json')
  }
}
function put(within: unknown, [key, ...rest]: Path, next: unknown): unknown {
  if (key === undefined) return next
  if (Array.isArray(within)) return next === gone && rest.length === 0 ? within.toSpliced(Number(key), 1) : within.with(Number(key), put(within[Number(key)], rest, next))
  const { [key]: old, ...others } = within as Readonly<Record<string, unknown>>
  return next === gone && rest.length === 0 ? others : { ...others, [key]: put(old, rest, next) }
}
const changes = changesOf(bound)
const at = ({ path }: Change) => path.slice(0, 2).join('.')

describe('the digest', () => {
  test('changes with every value that is bound, with its type, and with what is not there', () => {
    expect(changes.length).toBeGreaterThan(500)
    const digest = digestOf(bound)
    expect(changes.filter((change) => digestOf(change.bound) === digest).map(({ what }) => what)).toEqual([])
  })

  test('is another for each of these changes', () => {
    const digests = new Map<string, Bound>()
    const collisions = changes.filter((change) => { const digest = digestOf(change.bound); const other = digests.get(digest); digests.set(digest, change.bound); return other !== undefined && !isDeepStrictEqual(sorted(other), sorted(change.bound)) })
    expect(collisions.map(({ what }) => what)).toEqual([])
  })

  test('of two calls is equal where their parameters are equal as JSON, and nowhere else', () => {
    const of = (params: Bound['query']['statements'][number]['params']) => digestOf({ ...bound, query: { ...bound.query, statements: [{ sql: 'select 1', params }] } })
    const json = fc.array(fc.jsonValue({ maxDepth: 3, stringUnit: 'grapheme' }), { maxLength: 4 })
    let equal = 0
    fc.assert(fc.property(json, fc.option(json), (a, other) => {
      const b = other ?? structuredClone(a)                            // two that are drawn are hardly ever equal
      const same = isDeepStrictEqual(JSON.parse(JSON.stringify(a)), JSON.parse(JSON.stringify(b)))
      if (same) equal++
      expect(of(a as never) === of(b as never)).toBe(same)
    }), { numRuns: 500 })
    expect(equal).toBeGreaterThan(0)
  })

  test('is the same in whatever order the members were written, and after storing', () => {
    fc.assert(fc.property(fc.infiniteStream(fc.nat()), (stream) => { expect(digestOf(shuffled(bound, () => stream.next().value ?? 0) as Bound)).toBe(digestOf(bound)) }), { numRuns: 100 })
    expect(digestOf(JSON.parse(JSON.stringify(bound)) as Bound)).toBe(digestOf(bound))
  })

  test.each([['NaN', NaN], ['infinity', Infinity], ['a lone surrogate', '\ud800'], ['a function', () => 1], ['a bigint', 1n]])('is refused for what JSON cannot say: %s', (_, value) => {
    expect(() => digestOf({ ...bound, claims: { value } })).toThrow(RangeError)
  })
})
function sorted(value: unknown): unknown { return JSON.stringify(value, (_, member: unknown) => (member !== null && typeof member === 'object' && !Array.isArray(member) ? Object.fromEntries(Object.entries(member).toSorted(([a], [b]) => (a < b ? -1 : 1))) : member)) }
function shuffled(value: unknown, draw: () => number): unknown {
  if (Array.isArray(value)) return value.map((item) => shuffled(item, draw))
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [draw(), key, shuffled(member, draw)] as const).toSorted(([a], [b]) => a - b).map(([, key, member]) => [key, member]))
}

describe('the call key', () => {
  const free = (change: Change) => ['trust', 'rules', 'demands', 'fingerprint', 'expiresAt'].includes(String(change.path[0])) || change.path.slice(0, 2).join('.') === 'obligations.limits'

  test('is the same for a repeat, whatever rules, people, limits, objects and the clock say by then', () => {
    const key = callKeyOf(bound)
    const left = changes.filter((change) => free(change) && !change.what.endsWith(' gone'))
    expect(new Set(left.map((change) => change.path[0]))).toEqual(new Set(['trust', 'rules', 'demands', 'fingerprint', 'expiresAt', 'obligations']))
    expect(left.filter((change) => callKeyOf(change.bound) !== key).map(({ what }) => what)).toEqual([])
  })

  test('is another for every part of the call: who, through whom, claims, where, what, why, what it reaches and shows', () => {
    const key = callKeyOf(bound)
    const part = changes.filter((change) => change.path.length > 0 && !free(change) && !(['obligations', 'claims'].includes(at(change)) && change.path.length === 1))
    expect(new Set(part.map((change) => String(change.path[0])))).toEqual(new Set(['version', 'issuer', 'subject', 'actors', 'claims', 'connection', 'purpose', 'query', 'accesses', 'shown', 'used', 'obligations']))
    expect(part.filter((change) => callKeyOf(change.bound) === key).map(({ what }) => what)).toEqual([])
  })
})

describe('what is bound', () => {
  const caller = (claims: Caller['claims']): Caller => ({ issuer: 'okta', subject: bound.subject, actors: bound.actors, person: false, claims, expiresAt: 1 })
  const query = { ...bound.query, purpose: 'ticket 1' }
  const decided = {
    effects: { accesses: [{ action: 'select', resource: 'public.a', columns: ['id'], system: false, via: [], statement: 0, span: { start: 0, end: 1 } }], shown: [], used: [], readOnly: true, fingerprint: 'f' },
    obligations: { masks: [], ...bound.obligations }, rules: ['r.rules[0]', 'gone.rules[9]'], demands: bound.demands,
  } as const
  const standing = (claimsRead: readonly string[]) => ({ claimsRead, ruleContent: (name: string) => (name === 'r.rules[0]' ? 'c0' : null), trustOf: () => 't0' })
  const made = (claims: Caller['claims'], read: readonly string[] = ['tenant']) => bind(standing(read), caller(claims), 'shop', query, decided, '2026-11-22T09:30:00.000Z')

  test('of a token the claims that conditions read, and no other', () => {
    expect(made({ tenant: 'acme', secret: 1, iat: 5 }).claims).toEqual({ tenant: 'acme' })
    expect(made({ other: 1 }).claims).toEqual({})
    expect(made({ tenant: null }).claims).toEqual({ tenant: null })
    expect(made({}, ['constructor', 'toString', '__proto__']).claims).toEqual({})
  })

  test('a renewed token of the same caller makes the same call, whatever a condition reads of what each token has anew, and in whatever order it lists things', () => {
    const token = { tenant: 'acme', amr: ['pwd', 'mfa'], roles: ['a', { b: 1 }, 2], iat: 1, exp: 2, jti: 'a', auth_time: 1, nbf: 1, sid: 's', uti: 'u', aio: 'AVQAq1', rh: 'r', acrs: ['p1'], xms_ftd: 'x' }
    const renewed = { tenant: 'acme', amr: ['mfa', 'pwd'], roles: [2, 'a', { b: 1 }], iat: 9, exp: 10, jti: 'b', auth_time: 9, nbf: 9, sid: 't', uti: 'v', aio: 'AVQAq2', rh: 'q', acrs: ['p1', 'p2'], xms_ftd: 'y' }
    const key = (claims: Caller['claims']) => callKeyOf(made(claims, Object.keys(token)))
    expect(key(renewed)).toBe(key(token))
    expect(made(token, Object.keys(token)).claims).toEqual(token)      // it is decided again by what its own token said
    for (const other of [{ tenant: 'other' }, { amr: ['pwd'] }, { amr: ['mfa', 'pwd', 'pwd'] }, { roles: ['a', { b: 2 }, 2] }]) expect(key({ ...renewed, ...other })).not.toBe(key(token))
  })

  test('two requests of one call have one call key and digests that nobody can guess from the call', () => {
    const asked = (salt?: string) => bind(standing([]), caller({}), 'shop', query, decided, '2026-11-22T09:30:00.000Z', salt)
    expect(callKeyOf(asked('a'))).toBe(callKeyOf(asked('b')))
    expect(new Set([asked('a'), asked('b'), asked()].map(digestOf)).size).toBe(3)
    expect(digestOf(asked('a'))).toBe(digestOf(asked('a')))
    expect(asked()).not.toHaveProperty('salt')
  })

  test('what an approver is shown of the objects is nothing to try a guess at their values with', () => {
    const asked = (salt: string) => bind(standing([]), caller({}), 'shop', query, decided, '', salt).fingerprint
    expect(asked('a')).toMatch(/^[0-9a-f]{64}$/)
    expect(new Set([asked('a'), asked('b'), decided.effects.fingerprint]).size).toBe(3)
    expect(asked('a')).toBe(asked('a'))
  })

  test('of a cluster where, which and what pods may do, whatever the order, and never an object', () => {
    const at = (target: object) => bind(standing([]), caller({}), 'shop', query, { ...decided, effects: { ...decided.effects, accesses: [{ ...decided.effects.accesses[0], target: target as never }] } }, '')
    const seen = at({ namespace: 'web', name: 'front', needs: ['privileged', 'host-path'], object: { spec: 'CANARY' }, oldObject: { spec: 'CANARY' } })
    expect(seen.accesses[0]?.target).toEqual({ namespace: 'web', name: 'front', needs: ['host-path', 'privileged'] })
    expect(JSON.stringify(seen)).not.toContain('CANARY')
    expect(digestOf(seen)).toBe(digestOf(at({ namespace: 'web', name: 'front', needs: ['host-path', 'privileged'] })))
    for (const other of [{ namespace: 'web', name: 'front', needs: ['host-path'] }, { namespace: null, name: 'front', needs: ['host-path', 'privileged'] }, { namespace: 'web', name: null, needs: ['host-path', 'privileged'] }]) expect(callKeyOf(at(other))).not.toBe(callKeyOf(seen))
  })

  test('where in the text something stands changes nothing; a rule that is gone has no content', () => {
    const moved = { ...decided, effects: { ...decided.effects, accesses: decided.effects.accesses.map((access) => ({ ...access, span: { start: 7, end: 9 } })) } }
    expect(digestOf(bind(standing([]), caller({}), 'shop', query, moved, ''))).toBe(digestOf(bind(standing([]), caller({}), 'shop', query, decided, '')))
    expect(made({}).rules).toEqual([{ name: 'r.rules[0]', content: 'c0' }, { name: 'gone.rules[9]', content: '' }])
  })

  test.each([
    ['fingerprint', 'an object it reaches'], ['rules', 'a rule that took part'], ['demands', 'who must approve'], ['accesses', 'what it accesses'], ['obligations', 'its limits'], ['claims', 'a claim'], ['query', 'the call'],
  ] as const)('a change of %s is told as %s', (part, words) => {
    const change = changes.find(({ path, what }) => path[0] === part && !what.endsWith(' gone') && path.length > (part === 'fingerprint' ? 0 : 1))
    expect(change && differenceOf(bound, change.bound)).toEqual([words])
    expect(differenceOf(bound, bound)).toEqual([])
  })
})
