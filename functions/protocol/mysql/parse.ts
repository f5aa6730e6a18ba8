import { ok, refuse, type Refusal, type Result } from '../../../schema/refusal.ts'
import type { Parsed, Statement } from './ast.ts'
import { checkDepth } from './depth.ts'
import { insteadOfStatement, meant } from './instead.ts'
import { lex } from './lex.ts'
import { createCursor, type Cursor, type Grammar, Stop } from './parse/cursor.ts'
import { readExpression, readOperand } from './parse/operator.ts'
import { readQuery, readQueryAfter, readWith } from './parse/query.ts'
import { readExplain, readShow } from './parse/show.ts'
import { readDelete, readInsert, readProcedure, readUpdate } from './parse/write.ts'
import { unparsable, unsupported } from './token.ts'

/**
 * Text → the one statement in it. There is no npm parser that reads MySQL as the servers do, so this one reads a closed language and refuses the rest: what it does not know, and what MySQL
 * 8, MariaDB or a setting of `sql_mode` would read in another way. What runs is printed from the tree (print.ts), never this text, so a misreading can only be of what the caller meant. Linear in the text.
 */
const grammar: Grammar = { expression: readExpression, operand: readOperand, query: readQuery }

export function parse(sql: string): Result<Parsed> {
  const tokens = lex(sql)
  if (!tokens.ok) return tokens
  try {
    const cursor = createCursor(sql, tokens.value, grammar)
    if (cursor.peek().kind === 'end') return refuse(unparsable('empty_statement', 'there is no statement in the text'))
    const statement = readStatement(cursor)
    const ended = cursor.acceptMark(';')
    const next = cursor.peek()
    if (ended && next.kind !== 'end') return refuse(unparsable('several_statements', 'one statement at a time; send several as `transaction`', { start: next.start, end: sql.length }))
    if (next.kind !== 'end') cursor.fail('the end of the statement')
    const deep = checkDepth(statement)
    return deep ? refuse(deep) : ok({ statement, parameters: cursor.parameters() })
  } catch (error) {
    if (error instanceof Stop) return refuse(hinted(sql, error.refusal))
    throw error
  }
}

/** The place where the reading stopped, and what was probably meant. */
function hinted(sql: string, refusal: Refusal): Refusal {
  const hint = refusal.reason === 'syntax_error' ? meant(sql) : null
  return hint === null ? refusal : { ...refusal, detail: `${refusal.detail}; ${hint}` }
}

function readStatement(cursor: Cursor): Statement {
  const token = cursor.peek()
  const word = token.kind === 'word' ? token.lower : token.text
  switch (word) {
    case 'select': case 'table': case 'values': case '(': return readQuery(cursor)
    case 'with': {
      const before = readWith(cursor)
      if (cursor.is('update')) return readUpdate(cursor, before, token.start)
      return cursor.is('delete') ? readDelete(cursor, before, token.start) : readQueryAfter(cursor, token.start, before)
    }
    case 'insert': case 'replace': return readInsert(cursor)
    case 'update': return readUpdate(cursor, null, token.start)
    case 'delete': return readDelete(cursor, null, token.start)
    case 'call': return readProcedure(cursor)
    case 'show': return readShow(cursor)
    case 'explain': case 'describe': case 'desc': return readExplain(cursor, () => readStatement(cursor))
    default: {   // unknown means no
      if (token.kind !== 'word') return cursor.fail('a statement')
      const instead = insteadOfStatement(word)
      throw new Stop(unsupported('unsupported_statement', `a statement that begins with \`${token.text.slice(0, 60)}\` is not understood; ${instead ?? 'SELECT, INSERT, REPLACE, UPDATE, DELETE, CALL, SHOW and EXPLAIN are'}`, { start: token.start, end: token.end }))
    }
  }
}
