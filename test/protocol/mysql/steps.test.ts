import { describe, expect, test } from 'vitest'
import type { ConnectionDocument } from '../../../schema/policy.ts'
import { closure, keysFor, ref, type Source } from '../../../functions/protocol/mysql/key.ts'
import { readCatalog } from '../../../functions/protocol/mysql/catalog.ts'
import { createClasses } from '../../../functions/protocol/mysql/classes.ts'
import { Findings } from '../../../functions/protocol/mysql/effects.ts'
import { parse } from '../../../functions/protocol/mysql/parse.ts'
import { query } from '../../../functions/protocol/mysql/select.ts'
import { analyse } from '../../../functions/protocol/mysql/statement.ts'
import { Refused } from '../../../functions/protocol/refused.ts'

/** How much is gone through for one statement, counted: whoever may send one makes the gate think before it is decided whether he may. */
const catalog = readCatalog({ mariadb: true, version: '10.11.0-MariaDB', lowerCase: 0, account: 'a@b' }, [])
const connection: ConnectionDocument = { version: 1, kind: 'connection', name: 'steps', engine: 'mysql', secret: 'x', searchPath: ['s'] }
const many = (count: number, of: (i: number) => string, between = ',') => Array.from({ length: count }, (_, i) => of(i)).join(between)
/** The steps that a statement over no table takes, or why it is refused. */
function steps(sql: string): number | string {
  const parsed = parse(sql)
  if (!parsed.ok) throw new Error(parsed.refusal.detail)
  const found = new Findings(catalog, createClasses(connection, catalog))
  try {
    analyse({ found, query, view: () => null }, parsed.value.statement, { frame: { via: [], schema: 's', place: null, view: false, invoker: true }, parent: null, items: [], cols: [], ctes: new Map(), coming: new Set(), outputs: null })
    return found.steps
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    return error.refusal.reason ?? ''
  }
}

describe('the steps that a statement takes', () => {
  const wide = (mentions: number) => `WITH t AS (SELECT ${many(1000, (i) => `1 a${i}`)}) SELECT 1 FROM (SELECT 1 x) z, ${many(60, (i) => `t u${i}`)} WHERE 1 IN (${many(mentions, () => 'x')})`
  test('are a few for each mention of a name, among however many columns', () => {
    const [few, more] = [steps(wide(1000)), steps(wide(4000))] as [number, number]
    expect((more - few) / 3000).toBeLessThan(6)
  })
  test('grow with what two lists make of each other, and are refused before they are too many', () => {
    const twice = (count: number) => `SELECT ${many(count, () => 'x AS b')} FROM (SELECT 1 x) z ORDER BY ${many(count, () => 'b')}`
    expect(steps(twice(20))).toBeLessThan(3000)
    expect(steps(twice(4000))).toBe('too_wide')
    expect(steps(`WITH ${many(2500, (i) => `t${i} AS (SELECT 1 x)`)} SELECT 1`)).toBe('too_wide')
  })
  test('are refused beyond the tables that a server joins', () => {
    const comma = (count: number) => `SELECT 1 FROM ${many(count, (i) => `(SELECT 1 x) u${i}`)}`
    expect([steps(comma(61)), steps(comma(62))]).toEqual([expect.any(Number), 'too_wide'])
  })
  test('of what a key leaves to be told apart do not depend on how wide the tables are', () => {
    const count = (columns: number, tables: number, joined: boolean): number => {
      let total = 0
      const sources = Array.from({ length: tables }, (_, t): Source => ({ alias: `u${t}`, keys: [['c0']], columns: Array.from({ length: columns }, (_, i) => ({ name: `c${i}`, hidden: i === 1, compares: 'number' })) }))
      const span = { start: 0, end: 0 }
      const column = (alias: string, name: string) => ({ kind: 'column', schema: null, table: { text: alias, span }, name: { text: name, span }, span }) as const
      const conditions = joined ? sources.slice(1).map(({ alias }, i) => ({ optional: null, expression: { kind: 'binary', operator: '=', left: column(`u${i}`, 'c2'), right: column(alias, 'c0'), span } as const })) : []
      const rows = { sources, conditions, step: (steps: number) => { total += steps } }
      expect(keysFor(rows, [])).toHaveLength(joined ? 1 : tables)
      expect(closure(rows, [ref('u0', 'c0')]).has(ref(`u${tables - 1}`, `c${columns - 1}`))).toBe(joined)
      return total
    }
    expect(count(1000, 20, false)).toBe(count(10, 20, false))
    expect(count(62, 61, false)).toBeLessThan(100_000)
    expect(count(62, 61, true)).toBeLessThan(20_000)
  })
})
