import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createClassifier } from '../../functions/protocol/postgres/classify.ts'
import { isAllowed } from './allowed.ts'
import { connectionOf, createJudge, type Outcome, type Verdict } from './judge.ts'
import { findServer } from './server.ts'
import { openSession } from './session.ts'
import { findSmith, generate, narrow, narrowed } from './smith.ts'
import { findSuite, makeRegression, playSuite, suiteSettings } from './suite.ts'

/**
 * `node test/oracle/run.ts mysql [count] [seed]` asks a MySQL or MariaDB server instead (mysql.ts). `node test/oracle/run.ts [suite] [smith] [--major 15|16|17|18] [--only FILE#N,…] [--files a,b] [--step N] [--seed N] [--count N] [--wide]`: the server as oracle over
 * PostgreSQL's own regression suite and over sqlsmith's statements; 16 and 17 are fetched on first use. One table on stdout, every verdict in bench/results/; exit 1 on a disagreement.
 * `smith` generates over what the suite left behind, so it plays the suite first, judging nothing of it unless `suite` is asked for too; of built-in functions
 * and column types it uses those that the analysis knows, with `--wide` all.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    major: { type: 'string', default: '15' }, only: { type: 'string', default: '' }, files: { type: 'string', default: '' }, step: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' }, count: { type: 'string', default: '20000' }, wide: { type: 'boolean', default: false },
  },
})
const major = Number(values.major)
if (positionals[0] === 'mysql') await (await import('./mysql.ts')).main(positionals.slice(1))
const wanted = positionals.length > 0 ? positionals : ['suite', 'smith']
const list = (text: string) => new Set(text.split(',').filter((item) => item !== ''))
interface Row extends Verdict { readonly part: string; readonly at: string; readonly again: string }
const rows: Row[] = []

const suite = await findSuite({ fetch: true })
if (typeof suite === 'string') {
  console.error(`skipped: ${suite}`)
  process.exit(1)
}
const folder = await findServer(major)
if (folder !== null) process.env['SLUICE_TEST_POSTGRES'] = folder   // the support module looks once, when it is loaded
const { withPostgres } = await import('../support/postgres.ts')
const server = await withPostgres({ major, settings: suiteSettings })
process.once('SIGINT', () => process.exit(130))   // the support module's exit handler stops the server
try {
  const admin = await openSession(server.superuserUrl)
  await makeRegression(admin)
  await admin.close()
  const judge = createJudge(createClassifier, isAllowed)
  const target = { host: '127.0.0.1', port: server.port, password: decodeURIComponent(new URL(server.superuserUrl).password) }
  const judging = wanted.includes('suite')
  await playSuite(suite, target, judge, { only: list(values.only), files: list(values.files), step: judging ? Number(values.step) : Infinity }, ({ file, number, ...verdict }) => {
    rows.push({ part: `suite on ${major}`, at: `${file}#${number}`, again: `node test/oracle/run.ts suite --major ${major} --only ${file}#${number}`, ...verdict })
    tell()
  })
  if (wanted.includes('smith')) await overSmith()
} finally {
  await server.stop()
}
report()

async function overSmith(): Promise<void> {
  const missing = await findSmith()
  if (missing !== null) return console.error(`skipped: ${missing}`)
  const url = server.superuserUrl.replace(/[^/]*$/, 'regression')
  const session = await openSession(url)
  if (!values.wide) await session.run(narrow)
  const judge = createJudge(createClassifier, isAllowed)
  const only = list(values.only)
  let number = 0
  for await (const sql of generate(values.wide ? url : narrowed(url), Number(values.seed), Number(values.count))) {
    number++
    if (only.size > 0 && !only.has(`smith#${number}`)) continue
    await session.run('BEGIN; SET LOCAL search_path = pg_catalog, public, pg_temp')
    const verdict = await judge.judge(session, sql, connectionOf(['public']))
    await session.run('ROLLBACK')
    rows.push({ part: `sqlsmith on ${major}`, at: `smith#${number}`, again: `node test/oracle/run.ts smith --major ${major} --seed ${values.seed}${values.wide ? ' --wide' : ''} --only smith#${number}`, ...verdict })
    tell()
  }
  await session.close()
}

function tell(): void {
  if (rows.length % 1000 === 0) console.error(`${rows.length} judged, ${rows.filter(({ outcome }) => outcome === 'disagreed').length} disagreed, now at ${rows.at(-1)?.at}`)
}

function report(): void {
  const folder = join(import.meta.dirname, '../../bench/results')
  mkdirSync(folder, { recursive: true })
  const path = join(folder, `oracle-${major}-${wanted.join('-')}.json`)
  writeFileSync(path, JSON.stringify(rows, (key, value: unknown) => key === 'effects' ? undefined : value, 1))
  const outcomes: readonly Outcome[] = ['agreed', 'refused', 'disagreed', 'unconfirmed', 'crashed', 'rejected', 'unlabelled']
  const parts = [...new Set(rows.map(({ part }) => part))]
  console.log(['statements'.padEnd(16), ...outcomes, 'all'].map((head) => head.padStart(11)).join(''))
  for (const part of parts) {
    const own = rows.filter((row) => row.part === part)
    console.log([part.padEnd(16), ...outcomes.map((outcome) => own.filter((row) => row.outcome === outcome).length), own.length].map((cell) => String(cell).padStart(11)).join(''))
  }
  const histogram = (outcome: Outcome, by: (row: Row) => string) => {
    const counts = new Map<string, number>()
    for (const row of rows) if (row.outcome === outcome) counts.set(by(row), (counts.get(by(row)) ?? 0) + 1)
    return [...counts].sort(([, a], [, b]) => b - a)
  }
  console.log('\nrefused, by reason')
  for (const [reason, count] of histogram('refused', ({ reason }) => reason.replaceAll(/`[^`]*`/g, '`…`')).slice(0, 40)) console.log(`${String(count).padStart(7)}  ${reason}`)
  const wrong = rows.filter(({ outcome }) => outcome === 'disagreed' || outcome === 'crashed')
  for (const outcome of ['disagreed', 'unconfirmed'] as const) {
    console.log(`\n${outcome}`)
    for (const [what, count] of histogram(outcome, ({ missing }) => missing.map((line) => line.replaceAll(/\d+/g, 'n')).join('; ')).slice(0, 40)) console.log(`${String(count).padStart(7)}  ${what.slice(0, 300)}`)
  }
  if (wrong.length > 0) console.log('\nhow to see them again')
  for (const row of wrong.slice(0, 50)) console.log(`${row.at}: ${row.missing.join('; ') || row.reason.split('\n')[0]}\n   ${row.sql.replaceAll(/\s+/g, ' ').slice(0, 200)}\n   ${row.again}`)
  console.log(`\n${path}`)
  if (wrong.length > 0) process.exitCode = 1
}
