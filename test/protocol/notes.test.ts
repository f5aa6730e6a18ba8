import { describe, expect, test } from 'vitest'
import { Notes, unlooked } from '../../functions/protocol/notes.ts'
import { Refused } from '../../functions/protocol/refused.ts'

const made = () => new Notes((schema) => schema === 'pg_catalog', 10)
const tag = { dataClass: 'pii.email', resource: 'public.people', column: 'email' }
const direct = { via: [] }
const why = (work: () => unknown) => { try { work(); return null } catch (error) { if (!(error instanceof Refused)) throw error; return { reason: error.refusal.reason, missing: error.missing } } }

describe('what a statement accesses', () => {
  test('is one access for each way to it, with the columns that were read', () => {
    const notes = made()
    notes.access('select', 'public', 'people', direct, null, true).read('name')
    notes.access('select', 'public', 'people', direct, { start: 1, end: 2 }, true).read('email')
    notes.access('select', 'public', 'people', { via: ['public.contacts'] }, null, true)
    notes.access('select', 'public', 'people_1', { via: ['public.people'] }, null, true, true)
    notes.access('insert', 'public', 'people', direct, null, false).read('name')
    expect(notes.accesses).toEqual([
      { action: 'select', resource: 'public.people', columns: ['email', 'name'], system: false, via: [], statement: 0, span: null },
      { action: 'select', resource: 'public.people', columns: [], system: false, via: ['public.contacts'], statement: 0, span: null },
      { action: 'select', resource: 'public.people_1', columns: [], system: false, via: ['public.people'], part: true, statement: 0, span: null },
      { action: 'insert', resource: 'public.people', columns: null, system: false, via: [], statement: 0, span: null },
    ])
  })
  test('is the server\'s own where its schema is, so that a star in a rule never means it', () => {
    const notes = made()
    notes.access('select', 'pg_catalog', 'pg_stats', direct, null, true)
    expect(notes.accesses[0]?.system).toBe(true)
  })
  test('has no dot in its name: a rule could not tell whose it is', () => {
    expect(why(() => made().access('select', 'public', 'a.b', direct, null, true))).toEqual({ reason: 'ambiguous_name', missing: false })
  })
})

test('a use in a view\'s select list belongs to that output, and what every row of it tells to the statement all the same', () => {
  const notes = made()
  notes.sink = []
  notes.use([tag], 'under the operator `||`', null)
  notes.useNow([tag, tag], 'where its key gives rows in its order', null)
  expect([notes.sink, notes.used]).toEqual([[tag], [{ ...tag, statement: 0, how: 'where its key gives rows in its order', span: null }]])
})

test('constants go with the value they stand in, through columns, and no further', () => {
  const notes = made()
  const [, outer] = notes.textsOf(() => {
    notes.text('a***', null)
    const [, inner] = notes.textsOf(() => notes.text('b***', null))
    notes.textless(() => notes.text('c***', null))
    notes.carry([{ texts: inner }, {}])
    notes.text(1, null)
  })
  notes.text('d***', null)
  expect([[...outer.keys()], notes.texts]).toEqual([['a***', 'b***', 1], null])
  expect([...notes.joined(outer, undefined, new Map([['e***', null]])).keys()]).toEqual(['a***', 'b***', 1, 'e***'])
})

describe('more than a gate may think about is refused as too wide, and only to whom what was found is permitted', () => {
  const texts = new Map(Array.from({ length: 5000 }, (_, index) => [index, null]))
  test.each<[string, (notes: Notes) => void]>([
    ['steps', (notes) => { for (let i = 0; i < 401; i++) notes.step(1000) }], ['columns', (notes) => { for (let i = 0; i < 101; i++) notes.bring(1000, null) }], ['a select list', (notes) => notes.list(11, null)],
    ['uses', (notes) => { for (let i = 0; i < 401; i++) notes.use(Array.from({ length: 1000 }, () => tag), 'in a where clause', null) }],
    ['parameters that many columns carry', (notes) => { for (let i = 0; i < 81; i++) notes.textsOf(() => notes.carry([{ texts }])) }],
    ['parameters of many columns that become one', (notes) => { for (let i = 0; i < 81; i++) notes.joined(texts, new Map([['x', null]])) }],
  ])('%s', (_, work) => {
    expect(why(() => work(made()))).toEqual({ reason: 'too_wide', missing: true })
  })
  test('and what is at the bound passes', () => {
    const notes = made()
    notes.step(400_000)
    notes.bring(100_000, null)
    notes.list(10, null)
    expect(notes.steps).toBe(400_000)
  })
})

test('of a column that nobody has looked at only the view is named, to whom a view is all he knows', () => {
  expect(unlooked({ schema: 'public', name: 'people' }, 'iban', direct).refusal.detail).toContain('`iban` of `public.people` came after')
  const { refusal, missing } = unlooked({ schema: 'public', name: 'people' }, 'iban', { via: ['public.contacts', 'public.inner'] })
  expect([refusal.reason, missing, refusal.detail.includes('people'), refusal.detail.includes('`public.contacts`')]).toEqual(['column_unclassified', true, false, true])
})
