import { readFile } from 'node:fs/promises'
import { parse } from './command.ts'
import { exit, Stop, type Terminal } from './terminal.ts'

/** The options `query` and `explain` share, and the body they make. */
export const statementHelp = `  --param VALUE          the next of $1, $2, …, as text; repeat it (a negative one: --param=-5)
  --param-json JSON      the same for anything else: null, true, [1,2], {"a":1}
  --file FILE            read the statement from a file, - for standard input
  --transaction          every argument is a statement of one transaction; with --file: a JSON array of {"sql", "params"}
  --isolation LEVEL      of a transaction: "read committed", "repeatable read" or "serializable"
  --purpose TEXT         what it is for; recorded, and some rules ask for it
  --reveal CLASS         show this data class in clear, where a rule lets people permit that; repeat it
  --max-rows N           fewer rows than the policy allows
  --session ID           belongs to this session, as an earlier answer named it
  --json                 the gate's answer as it came`

const options = {
  param: { type: 'string', multiple: true }, 'param-json': { type: 'string', multiple: true }, file: { type: 'string' }, transaction: { type: 'boolean' },
  isolation: { type: 'string' }, purpose: { type: 'string' }, reveal: { type: 'string', multiple: true }, 'max-rows': { type: 'string' }, session: { type: 'string' }, json: { type: 'boolean' },
  'idempotency-key': { type: 'string' }, wait: { type: 'boolean' },
} as const

export async function readStatement(args: readonly string[], terminal: Terminal, usage: string) {
  const { values, positionals, tokens } = { tokens: args, ...parse(args, options, [1, 1000], usage) }
  const [connection = '', ...statements] = positionals
  if (values.file !== undefined && statements.length > 0) throw new Stop(exit.invalid, `the statement comes from --file or from the command line, not from both\nusage: ${usage}`)
  const shared = {
    ...(values.purpose === undefined ? {} : { purpose: values.purpose }), ...(values.reveal === undefined ? {} : { reveal: values.reveal }),
    ...(values['max-rows'] === undefined ? {} : { maxRows: whole('--max-rows', values['max-rows']) }),
  }
  const params = readParams(tokens)
  const text = values.file === undefined ? null : await read(values.file, terminal)
  const body = values.transaction
    ? { transaction: text === null ? together(statements, params) : fromJson('--file', text), ...(values.isolation === undefined ? {} : { isolation: values.isolation }), ...shared }
    : { sql: text ?? single(statements, usage), ...(params.length === 0 ? {} : { params }), ...shared }
  const headers = {
    ...(values.session === undefined ? {} : { 'sluice-session': values.session }),
    ...(values['idempotency-key'] === undefined ? {} : { 'idempotency-key': values['idempotency-key'] }),
  }
  return { connection, body, headers, json: values.json === true, wait: values.wait === true }
}

/** Both spellings count in the order they are written: $1 is the first of them. */
function readParams(args: readonly string[]): unknown[] {
  const params: unknown[] = []
  for (let i = 0; i < args.length && args[i] !== '--'; i++) {
    const [, json, inline] = /^--param(-json)?(?:=([^]*))?$/.exec(args[i] ?? '') ?? []
    if (!/^--param(-json)?(=|$)/.test(args[i] ?? '')) continue
    const value = inline ?? args[++i] ?? ''
    params.push(json ? fromJson('--param-json', value) : value)
  }
  return params
}

function together(statements: readonly string[], params: readonly unknown[]) {
  if (params.length > 0 && statements.length > 1) throw new Stop(exit.invalid, 'parameters belong to one statement each: write the transaction as JSON and give it with --file')
  return statements.map((sql) => ({ sql, ...(params.length === 0 ? {} : { params }) }))
}
function single(statements: readonly string[], usage: string): string {
  const [sql, ...more] = statements
  if (sql === undefined) throw new Stop(exit.invalid, `the statement is missing\nusage: ${usage}`)
  if (more.length > 0) throw new Stop(exit.invalid, `there are ${statements.length} statements; quote the statement as one argument, or use --transaction for several`)
  return sql
}

async function read(file: string, terminal: Terminal): Promise<string> {
  if (file === '-') return terminal.input()
  return readFile(file, 'utf8').catch(() => { throw new Stop(exit.invalid, `cannot read \`${file}\``) })
}
function fromJson(what: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new Stop(exit.invalid, `${what} is not json: \`${text.slice(0, 80)}\``)
  }
}
function whole(option: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new Stop(exit.invalid, `${option} wants a whole number, not \`${text}\``)
  return Number(text)
}
