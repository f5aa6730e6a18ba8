import { expect, test } from 'vitest'
import { refusalOf } from '../../../functions/protocol/mysql/diagnose.ts'

const told = (errno: number, sqlstate: string, closed = false) => { const { slug, reason, sqlstate: state } = refusalOf({ errno, sqlstate }, null, closed); return `${slug} ${reason} ${state}` }

test('a number of the server\'s has our words and its own state', () => {
  expect([told(1146, '42S02'), told(1054, '42S22'), told(1062, '23000'), told(1406, '22001'), told(1213, '40001'), told(1969, '70100'), told(1142, '42000')]).toEqual([
    'target-error target_error 42S02', 'target-error target_error 42S22', 'target-error constraint_violation 23000', 'target-error data_exception 22001', 'target-error transaction_rollback 40001', 'timeout statement_timeout 70100', 'target-error target_error 42000',
  ])
})
test('a routine that raises a state or a number of its choice says nothing by it', () => {
  const answers = ['CANRY', '4712A', '45000', '23XYZ'].map((state) => refusalOf({ errno: 1644, sqlstate: state }, null, false))
  expect(new Set(answers.map((one) => JSON.stringify(one))).size).toBe(1)
  expect(told(1146, 'SSN12')).toBe(told(1146, '42S02'))
  expect(told(31_337, '23123')).toBe('target-error constraint_violation 23000')
  expect(told(31_337, 'AB123')).toBe('target-error target_error HY000')
})
test('near classified data every error about data is one of two, and a number nobody has judged is none', () => {
  const constraints = [1062, 1451, 1452, 3819, 4025, 1048].map((errno) => told(errno, '23000', true))
  const values = [1264, 1292, 1365, 1406, 1690, 1242].map((errno) => told(errno, '22003', true))
  expect([new Set(constraints).size, new Set(values).size]).toEqual([1, 1])
  expect(told(31_337, '22003', true)).toBe('target-error target_error HY000')
  expect(new Set([1062, 4025].map((errno) => refusalOf({ errno, sqlstate: '23000' }, null, true).detail)).size).toBe(1)
})
test('what is the caller\'s to mend is told as that', () => {
  expect([1139, 1056, 1109, 1247, 1111].map((errno) => refusalOf({ errno, sqlstate: '42000' }, null, false).next)).toEqual(['fix', 'fix', 'fix', 'fix', 'fix'])
  expect([told(1109, '42S02'), told(1056, '42000')]).toEqual(['target-error target_error 42S02', 'target-error target_error 42000'])
  expect(told(1139, '42000', true)).toBe(told(1406, '22001', true))     // the pattern may be somebody's data
})
