import { describe, expect, test } from 'vitest'
import { isNode, parseDump, walk } from './dump.ts'

const node = (text: string) => {
  const value = parseDump(text)
  if (!isNode(value)) throw new Error('not a node')
  return value
}

describe('the node dump', () => {
  test('a node has its type and fields; `<>` is null', () => {
    const query = node('{QUERY :commandType 1 :utilityStmt <> :hasAggs false}')
    expect(query.type).toBe('QUERY')
    expect([...query.fields]).toEqual([['commandType', '1'], ['utilityStmt', null], ['hasAggs', 'false']])
  })
  test('a constant keeps its bytes as the rest of one field', () => {
    expect(node('{CONST :location -1 :constvalue 4 [ 1 0 0 -3 ]}').fields.get('constvalue')).toEqual(['4', '[', '1', '0', '0', '-3', ']'])
  })
  test('lists of strings, of nodes and of numbers', () => {
    expect(parseDump('({A :x ("a" "b\\ c")} (b 8 9) (o 12) ())')).toEqual([{ type: 'A', fields: new Map([['x', ['a', 'b c']]]) }, ['b', '8', '9'], ['o', '12'], []])
  })
  test('a name made to look like the dump stays one name', () => {
    const entry = node('{TARGETENTRY :resname :relid\\ 5\\}\\ \\{X\\ :y :resno 1}')
    expect(entry.fields.get('resname')).toBe(':relid 5} {X :y')
    expect(entry.fields.get('resno')).toBe('1')
  })
  test('a name of `<>` is not null, and an escaped line break was a space', () => {
    expect(node('{T :a \\<> :b x\\\ny :c\n\\"q"}').fields).toEqual(new Map([['a', '<>'], ['b', 'x y'], ['c', '"q"']]))
  })
  test('anything else is an error, never a guess', () => {
    for (const text of ['{QUERY', '{Q 1}', '{Q :a}', '{Q :a 1 :a 2}', '(1', '', '1 2', '{Q :a 1)']) expect(() => parseDump(text), text).toThrow()
  })
  test('walking meets outer nodes before inner ones and stops where told', () => {
    const seen: string[] = []
    walk(parseDump('({A :x {B :y {C :z 1}} :w ({D :v 1})} {E :u 1})'), ({ type }) => { seen.push(type); return type !== 'B' })
    expect(seen).toEqual(['A', 'B', 'D', 'E'])
  })
})
