import type { Next, Refusal, Slug } from '../../../schema/refusal.ts'
import type { ServerError } from './transport.ts'

/**
 * Words of the target → a refusal of ours. The server's messages quote values, keys and names the caller may not know, so none of them is passed on: our text for its number, and the SQLSTATE that number has.
 */
interface Row { readonly detail: string; readonly next: Next; readonly slug?: Slug; readonly reason?: string; /** Tells something of data: which of them it was would answer a guess. */ readonly data?: true }
const syntax: Row = { detail: 'the target finds an error in the statement', next: 'fix' }
const denied: Row = { detail: 'the target does not let the account of this connection do that', next: 'none' }
const slow: Row = { detail: 'the statement took longer than the limit and was stopped', next: 'fix', slug: 'timeout', reason: 'statement_timeout' }
const range: Row = { detail: 'a value does not fit what the statement does with it', next: 'fix', reason: 'data_exception', data: true }
const constraint = (detail: string): Row => ({ detail, next: 'fix', reason: 'constraint_violation', data: true })
const exact: ReadonlyMap<number, Row> = new Map<number, Row>([
  ...[1044, 1045, 1049, 1698].map((errno): [number, Row] => [errno, { detail: 'the target does not let this connection in', next: 'none', slug: 'target-unavailable', reason: 'target_refused_login' }]),
  ...[1142, 1143, 1227, 1370, 1345].map((errno): [number, Row] => [errno, denied]),
  ...[1040, 1203, 1226, 1041, 1037, 1038, 1114, 1135].map((errno): [number, Row] => [errno, { detail: 'the target is short of resources', next: 'retry', slug: 'target-unavailable', reason: 'target_exhausted' }]),
  ...[1053, 1077, 1078, 1079, 1152, 1927, 3169, 4031].map((errno): [number, Row] => [errno, { detail: 'the target is stopping or starting', next: 'retry', slug: 'target-unavailable', reason: 'target_stopping' }]),
  ...[1317, 1969, 3024].map((errno): [number, Row] => [errno, slow]),
  [1205, { detail: 'another transaction held what the statement needs for too long', next: 'retry', reason: 'lock_timeout' }],
  [1213, { detail: 'the transaction and another one waited for each other, and it was rolled back', next: 'retry', reason: 'transaction_rollback' }],
  [1020, { detail: 'the transaction ran into another one and was rolled back', next: 'retry', reason: 'transaction_rollback' }],
  [1792, { detail: 'the statement would change something, in a transaction that may not', next: 'none' }],
  [1146, { detail: 'there is no such relation', next: 'fix' }], [1054, { detail: 'there is no such column', next: 'fix' }], [1305, { detail: 'there is no such routine', next: 'fix' }],
  [1052, { detail: 'a column name may mean several columns', next: 'fix' }], [1060, { detail: 'a column is named twice', next: 'fix' }], [1066, { detail: 'a table name is used twice', next: 'fix' }],
  [1064, { detail: 'the target finds an error in the syntax', next: 'fix' }], [1235, { detail: 'the target does not support this', next: 'fix' }], [1055, { detail: 'a column must be grouped by, or used in an aggregate', next: 'fix' }],
  [1356, { detail: 'the view does not work any more: what it reads has changed', next: 'none' }], [1222, { detail: 'the parts of the set operation have different numbers of columns', next: 'fix' }],
  [1093, { detail: 'the statement changes a table that it reads in a subquery', next: 'fix' }], [1104, { detail: 'the statement would look at more rows than the target lets it', next: 'fix' }],
  [1056, { detail: 'rows cannot be grouped by an aggregate', next: 'fix' }], [1111, { detail: 'an aggregate stands where none may', next: 'fix' }], [1109, { detail: 'there is no such relation', next: 'fix' }], [1247, { detail: 'a name means what is not computed yet there', next: 'fix' }],
  [1139, { detail: 'the pattern of a regular expression is none', next: 'fix', reason: 'data_exception', data: true }],
  [1242, { detail: 'a subquery used as a value returned more than one row', next: 'fix', data: true }],
  ...[1062, 1169, 1586, 1022, 1761].map((errno): [number, Row] => [errno, constraint('the change would break a unique key')]),
  ...[1216, 1217, 1451, 1452].map((errno): [number, Row] => [errno, constraint('the change would break a foreign key')]),
  ...[3819, 4025].map((errno): [number, Row] => [errno, constraint('the change would break a check constraint')]),
  ...[1048, 1263, 1364].map((errno): [number, Row] => [errno, constraint('a column that must have a value would have none')]),
  [1369, constraint('the view does not let this row through')], [1526, constraint('there is no partition for the row')],
  ...[1264, 1265, 1292, 1365, 1366, 1367, 1406, 1411, 1416, 1425, 1426, 1427, 1441, 1525, 1690, 3140, 3141, 3143, 3156, 4038, 1300, 1301].map((errno): [number, Row] => [errno, range]),
  [1644, { detail: 'a routine or trigger of the target raised an error', next: 'none', reason: 'raised_by_function' }],
])
const anyConstraint = constraint('the change would break a constraint')
const classes: Readonly<Record<string, Row>> = {
  '08': { detail: 'the target cannot be reached', next: 'retry', slug: 'target-unavailable', reason: 'target_unreachable' },
  '22': range, '21': { ...syntax, data: true }, '23': anyConstraint,
  '28': { detail: 'the target does not let this connection in', next: 'none', slug: 'target-unavailable', reason: 'target_refused_login' },
  '40': { detail: 'the transaction was rolled back', next: 'retry', reason: 'transaction_rollback' }, '42': syntax, '25': { detail: 'the state of the transaction does not allow it', next: 'fix' },
}
const other: Row = { detail: 'the target could not run the statement', next: 'none' }

/** `statement`: which of several, from 0. `closed`: classified data is near. Then errors about data say their class and no more, and what nobody has judged says nothing: which of them it was would answer a guess. */
export function refusalOf({ errno, sqlstate }: Pick<ServerError, 'errno' | 'sqlstate'>, statement: number | null, closed: boolean): Refusal {
  const known = exact.get(errno)
  const row = told(known, sqlstate, closed)
  return {
    slug: row.slug ?? 'target-error', reason: row.reason ?? (row === syntax ? 'statement_refused' : 'target_error'), detail: row.detail, next: row.next, sqlstate: stateOf(row, known === row, errno, sqlstate, closed),
    ...(statement === null ? {} : { statement }), inner: `errno ${errno}`,
  }
}
function told(known: Row | undefined, sqlstate: string, closed: boolean): Row {
  if (!closed) return known ?? classes[sqlstate.slice(0, 2)] ?? other
  if (known === undefined) return other
  if (known.data !== true) return known
  return known.reason === 'constraint_violation' ? anyConstraint : range
}
/** The states of numbers we know: never the one that came, because a SIGNAL may give any number any five letters, and five letters of somebody's data at a time are a way out. */
const states: ReadonlyMap<number, string> = new Map<number, string>([
  ...[1142, 1143, 1227, 1370, 1064, 1235, 1055, 1056, 1066, 1104, 1139, 1305, 1369, 1044].map((errno): [number, string] => [errno, '42000']),
  ...[1062, 1169, 1586, 1022, 1761, 1216, 1217, 1451, 1452, 3819, 4025, 1048, 1263, 1052].map((errno): [number, string] => [errno, '23000']),
  [1146, '42S02'], [1109, '42S02'], [1054, '42S22'], [1247, '42S22'], [1060, '42S21'], [1213, '40001'], [1792, '25006'], [1242, '21000'], [1222, '21000'], [1045, '28000'], [1698, '28000'], [1317, '70100'], [1969, '70100'], [1927, '70100'], [1644, '45000'],
  [1264, '22003'], [1690, '22003'], [1292, '22007'], [1365, '22012'], [1406, '22001'],
])
/** A number we know has its state; of any other the class is told, where it is one of those above. */
function stateOf(row: Row, exactly: boolean, errno: number, sqlstate: string, closed: boolean): string {
  if (closed && row.data) return row === anyConstraint ? '23000' : '22000'
  if (row === other) return 'HY000'
  if (exactly) return states.get(errno) ?? (row.data ? '22000' : 'HY000')
  return `${sqlstate.slice(0, 2)}000`
}
/** Numbers that say an object is not what it was; whether it changed, or never was so, only the guard can tell. */
export const maybeStale = ({ errno }: ServerError): boolean => [1049, 1051, 1054, 1146, 1305, 1356, 1347, 1412].includes(errno)
