import { describe, expect, test } from 'vitest'
import type { Access, Effects } from '../../schema/effects.ts'
import type { Reached, Said } from '../support/oracle.ts'
import { isAllowed } from './allowed.ts'
import { unconfirmed, unsaid } from './compare.ts'
import type { Names, Routine } from './names.ts'

const reached = (more: Partial<Reached>): Reached => ({ select: false, insert: false, update: false, delete: false, lock: false, read: new Set(), write: new Set(), ...more })
const said = (relation: Reached, more: Partial<Said> = {}): Said => ({ relations: new Map([[1, relation]]), functions: new Set(), operators: new Set(), conversions: new Set(), commands: new Set([1]), outputs: [], ...more })
const routine = (more: Partial<Routine>): Routine => ({ oid: 20_000, name: 'f', schema: 'public', builtin: false, behind: 'call', ...more })
const names = (...routines: readonly Routine[]): Names => ({ relations: new Map([[1, { name: 'public.t', system: false, columns: new Map([[-1, 'ctid'], [1, 'a'], [2, 'b']]) }]]), functions: new Map(routines.map((one) => [one.oid, one])), defaults: new Set([77]) })
const access = (more: Partial<Access>): Access => ({ action: 'select', resource: 'public.t', columns: null, system: false, via: [], statement: 0, span: null, ...more })
const effects = (...accesses: readonly Access[]): Effects => ({ accesses, shown: [], used: [], readOnly: false, fingerprint: '' })
const missing = (server: Said, ...accesses: readonly Access[]) => unsaid(server, names(), effects(...accesses), isAllowed)

describe('what the server reaches and the analysis did not say', () => {
  test('a relation, and each column of it', () => {
    const server = said(reached({ select: true, read: new Set([1, 2]) }))
    expect(missing(server)).toEqual(['select public.t'])
    expect(missing(server, access({ columns: ['a'] }))).toEqual(['select public.t (b)'])
    expect(missing(server, access({ columns: ['a'] }), access({ columns: ['b', 'c'] }))).toEqual([])
    expect(missing(server, access({ resource: 'other.t', columns: ['a', 'b'] }))).toEqual(['select public.t'])
  })
  test('a whole row is all its columns, a system column is one', () => {
    expect(missing(said(reached({ select: true, read: new Set([0]) })), access({ columns: ['a'] }))).toEqual(['select public.t (b)'])
    expect(missing(said(reached({ select: true, read: new Set([-1]) })), access({ columns: ['a'] }))).toEqual(['select public.t (ctid)'])
  })
  test('each kind of write; a row lock is not an update but must be said too', () => {
    expect(missing(said(reached({ insert: true, update: true, delete: true, write: new Set([1]) })))).toEqual(['insert public.t', 'delete public.t', 'update public.t'])
    expect(missing(said(reached({ update: true, lock: true })), access({ action: 'lock' }))).toEqual([])
    expect(missing(said(reached({ update: true, lock: true, write: new Set([1]) })), access({ action: 'lock' }))).toEqual(['update public.t'])
    expect(missing(said(reached({ update: true, lock: true })), access({}))).toEqual(['update public.t'])
  })
  test('a write called read-only', () => {
    const writing = said(reached({ delete: true }), { commands: new Set([1, 4]) })
    expect(unsaid(writing, names(), { ...effects(access({ action: 'delete' })), readOnly: true }, isAllowed)).toEqual(['a write in a statement called read-only'])
  })
  test('a function of the user\'s without its call, a built-in one off the list, a look-up by name however it is reached', () => {
    const calls = (...routines: readonly Routine[]) => unsaid(said(reached({})), names(...routines), effects(access({ action: 'call', resource: 'public.known' })), isAllowed)
    expect(calls(routine({ name: 'known' }))).toEqual([])
    expect(calls(routine({}), routine({ oid: 1, builtin: true, schema: 'pg_catalog', name: 'pg_read_file' }), routine({ oid: 2, builtin: true, schema: 'pg_catalog', name: 'lower' }))).toEqual(['call public.f (call)', 'call pg_catalog.pg_read_file (call)'])
    expect(calls(routine({ oid: 1, builtin: true, schema: 'pg_catalog', name: 'regclass', behind: 'cast' }), routine({ oid: 2, builtin: true, schema: 'pg_catalog', name: 'int4pl', behind: 'operator' }))).toEqual(['call pg_catalog.regclass (cast)'])
    expect(calls(routine({ oid: 77 }))).toEqual([])                                   // behind a default of what is written
    expect(unsaid(said(reached({})), names(routine({ oid: 1, builtin: true, schema: 'pg_catalog', name: 'regclassin', behind: 'cast' })), effects(access({ action: 'call', resource: 'pg_catalog.regclass', system: true })), isAllowed)).toEqual([])
    expect(calls(routine({ behind: 'operator' }))).toEqual(['call public.f (operator)'])
  })
  test('columns that come back otherwise than planned', () => {
    const server = said(reached({}), { outputs: [{ name: 'a', relation: 1, column: 1 }] })
    expect(unconfirmed(server, [{ name: 'a', origin: { relation: 1, column: 1 }, shown: [] }])).toEqual([])
    expect(unconfirmed(server, [{ name: 'b', origin: null, shown: [] }])).toEqual(['output 0 is called `a`, said `b`', 'output 0 comes from 1/1, said 0/0'])
    expect(unconfirmed(server, null)).toEqual(['0 outputs said, 1 come'])
  })
})
