import { makePermit, isPermit } from '../functions/decide/permit.ts'
import type { Effects } from '../schema/effects.ts'
import { createMask } from '../functions/protocol/postgres/mask.ts'
import { rawOf } from '../functions/protocol/postgres/outcome.ts'
import type { PostgresPlan } from '../functions/protocol/postgres/plan.ts'
import type { RawResult } from '../functions/protocol/postgres/port.ts'
import { createMask as createMySqlMask } from '../functions/protocol/mysql/mask.ts'
import { rawOf as mysqlRawOf } from '../functions/protocol/mysql/outcome.ts'
import type { MySqlPlan } from '../functions/protocol/mysql/plan.ts'

/**
 * Masking throughput: the target's text to masked rows, in MB of that text per CPU second, beside JSON.stringify of the same rows in the same run.
 * Lowest CPU of the rounds, interleaved. `node bench/mask.ts` prints the table; raw rounds with `--json`.
 */
const rowCount = 5000
const names = ['id', 'name', 'email', 'ssn', 'card', 'born', 'total', 'note', 'doc']
const oids = [23, 25, 25, 25, 25, 1082, 1700, 25, 3802]
const rows = Array.from({ length: rowCount }, (_, i) => [
  String(i), `Jane Doe ${i}`, `jane.doe${i}@example.com`, `078-05-${String(1000 + i).slice(-4)}`, `4111 1111 1111 ${String(1000 + i).slice(-4)}`, '1984-05-06', `${i}.50`,
  `called on the 3rd about order ${i}, will call back; asked for a copy of the invoice`, `{"n": ${i}, "tags": ["a", "b"], "by": "support"}`,
])
const megabytes = rows.flat().reduce((sum, cell) => sum + Buffer.byteLength(cell), 0) / 1e6
const fields = names.map((name, n) => ({ name, tableID: 1, columnID: n + 1, dataTypeID: oids[n] ?? 25, dataTypeModifier: -1 }))
const result: RawResult = { command: 'SELECT', rowCount, fields, rows }

function prepare(classified: readonly number[], detect: readonly ('credit-card' | 'us-ssn' | 'email' | 'iban' | 'secret')[]) {
  const effects: Effects = {
    accesses: [], used: [], readOnly: true, fingerprint: '', shown: classified.map((output) => ({ dataClass: 'pii.x', resource: 'public.t', column: names[output] ?? '', statement: 0, span: null, output })),
  }
  const plan = { catalog: { relations: new Map(), types: new Map() }, relations: [], statements: [{ kind: 'select', text: '', params: [], wrappable: true, outputs: names.map((name, n) => ({ name, origin: { relation: 1, column: n + 1 }, shown: classified.includes(n) ? [classified.indexOf(n)] : [] })) }] } as unknown as PostgresPlan
  const masks = (['email', 'last4', 'last4', 'year'] as const).slice(0, classified.length)
  const permit = makePermit(effects, { masks, revealed: [], detect, limits: { rows: rowCount, bytes: 1e9, timeoutMs: 1, affected: 0, statementsPerHour: null, rowsPerHour: null } })
  const mask = createMask({ isPermit, understood: () => ({ connection: { version: 1, kind: 'connection', name: 'bench', engine: 'postgres' }, plan, originals: [''] }) })
  const raw = rawOf({ results: [{ ...result, truncated: false }], rowMode: 'object', maskKey: null })
  return () => mask(permit, { effects, plan }, raw)
}
/** The same rows as MySQL gives them, four columns masked and every detector. */
function prepareMySql() {
  const types = ['INT32', 'VARCHAR', 'VARCHAR', 'VARCHAR', 'VARCHAR', 'DATE', 'DECIMAL', 'TEXT', 'JSON']
  const effects: Effects = { accesses: [], used: [], readOnly: true, fingerprint: '', shown: [2, 3, 4, 5].map((output) => ({ dataClass: 'pii.x', resource: 'd.t', column: names[output] ?? '', statement: 0, span: null, output })) }
  const plan = { relations: [], statements: [{ kind: 'select', text: '', capped: null, outputs: names.map((name, n) => ({ name, origin: null, shown: n >= 2 && n <= 5 ? [n - 2] : [] })) }] } as unknown as MySqlPlan
  const permit = makePermit(effects, { masks: ['email', 'last4', 'last4', 'year'], revealed: [], detect: ['credit-card', 'us-ssn', 'email', 'iban', 'secret'], limits: { rows: rowCount, bytes: 1e9, timeoutMs: 1, affected: 0, statementsPerHour: null, rowsPerHour: null } })
  const mask = createMySqlMask({ isPermit, understood: () => ({ connection: { version: 1, kind: 'connection', name: 'bench', engine: 'mysql' }, plan }) })
  const raw = mysqlRawOf({ results: [{ fields: names.map((name, n) => ({ name, type: types[n] ?? 'VARCHAR', charset: 45 })), rows, affected: 0, rowCount, truncated: false }], rowMode: 'object', maskKey: null })
  return () => mask(permit, { effects, plan }, raw)
}
const rendered = prepare([], [])().results[0]?.rows
const cases: Readonly<Record<string, () => unknown>> = {
  'JSON.stringify of the rows': () => JSON.stringify(rendered),
  'render, nothing masked': prepare([], []),
  'render, four columns masked': prepare([2, 3, 4, 5], []),
  'the same and every detector': prepare([2, 3, 4, 5], ['credit-card', 'us-ssn', 'email', 'iban', 'secret']),
  'MySQL: the same and every detector': prepareMySql(),
}
const rounds = 8
const micros: Record<string, number[]> = Object.fromEntries(Object.keys(cases).map((name) => [name, []]))
for (let round = 0; round <= rounds; round++) for (const [name, run] of Object.entries(cases)) {
  const before = process.cpuUsage()
  for (let n = 0; n < 3; n++) run()
  const { user, system } = process.cpuUsage(before)
  if (round > 0) micros[name]?.push((user + system) / 3)           // the first round warms up
}
if (process.argv.includes('--json')) console.log(JSON.stringify({ megabytes, micros }))
else for (const [name, all] of Object.entries(micros)) console.log(`${name.padEnd(32)} ${(megabytes / (Math.min(...all) / 1e6)).toFixed(0).padStart(5)} MB/s of cpu`)
