import type { Call, Expression, Name } from '../ast.ts'
import { isBareFunction, isReservedFunction, isUnlikeCall } from '../words.ts'
import type { Cursor } from './cursor.ts'
import { readWindow } from './window.ts'

/** Aggregates that take DISTINCT on both servers; GROUP_CONCAT has a node of its own. */
const distinctive = new Set(['count', 'sum', 'avg', 'min', 'max'])

/** f(…), whose name was taken; also CURRENT_DATE, which needs no parentheses. Which functions there are is for builtins.ts and the catalog to say. */
export function readCall(cursor: Cursor, schema: Name | null, written: Name): Expression {
  const name = schema ? written : { ...written, text: written.text.toLowerCase() }
  const start = (schema ?? name).span.start
  const call = (rest: Partial<Call>): Call => ({ kind: 'call', schema, name, arguments: [], star: false, distinct: false, over: null, ...rest, span: cursor.spanFrom(start) })
  if (!schema && isBareFunction(name.text) && !cursor.isMark('(')) return call({})
  const open = cursor.peek()
  // with a space, and as the server is set, it is a routine of the database and not the built-in
  if (open.start !== name.span.end && !isReservedFunction(name.text)) cursor.deny('spaced_call', 'the parenthesis of a call follows its name at once', { start: name.span.start, end: open.end })
  if (!schema && isUnlikeCall(name.text)) cursor.deny('unsupported_function', `\`${name.text}\` is not understood`, name.span)
  const found = cursor.inParentheses((): Partial<Call> => {
    if (cursor.isMark(')')) return {}
    if (name.text === 'count' && !schema && cursor.acceptMark('*')) return { star: true }
    const chosen = !schema && distinctive.has(name.text)
    const distinct = chosen && cursor.accept('distinct')
    if (chosen && !distinct) cursor.accept('all')
    return { distinct, arguments: cursor.list(cursor.expression) }
  })
  if (schema || !cursor.accept('over')) return call(found)
  const over = cursor.isMark('(') ? readWindow(cursor) : cursor.name('a window')
  return call({ ...found, over })
}
