import { execFile, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { connectionOf, type Judge, type Verdict } from './judge.ts'
import type { Session } from '../support/oracle.ts'
import type { Opened } from './session.ts'
import { startWire, type Seen } from './wire.ts'

const run = promisify(execFile)
const cache = join(import.meta.dirname, '../../node_modules/.cache/sluice/regress-15')
const psql = '/usr/lib/postgresql/15/bin/psql'

/** PostgreSQL's own regression suite: the folder with `sql/`, `data/` and `parallel_schedule`, and one with its C functions built. */
export interface Suite { readonly source: string; readonly libraries: string }

/** From SLUICE_PG_REGRESS (a `src/test/regress`), the cache, or, if `fetch`, Debian's source package. A sentence when there is none. */
export async function findSuite({ fetch }: { readonly fetch: boolean }): Promise<Suite | string> {
  if (!existsSync(psql)) return 'psql is missing: apt-get install -y postgresql-15'
  const given = process.env['SLUICE_PG_REGRESS']
  const source = given ?? join(cache, 'src/test/regress')
  if (!existsSync(join(source, 'parallel_schedule'))) {
    if (given !== undefined) return `SLUICE_PG_REGRESS names \`${given}\`, which holds no parallel_schedule`
    if (!fetch) return "PostgreSQL's regression suite is not here: `npm run oracle` fetches it, or set SLUICE_PG_REGRESS to a src/test/regress"
    const failure = await download().then(() => null, (error: Error) => error.message.split('\n')[0] ?? 'unknown')
    if (failure !== null) return `the source of postgresql-15 could not be had (${failure}): set SLUICE_PG_REGRESS to its src/test/regress`
  }
  return { source, libraries: await libraries(source) }
}

/** Debian's source and header packages, with package lists of our own: the machine's are left as they are. Whole or not at all. */
async function download(): Promise<void> {
  const work = `${cache}.${process.pid}`
  for (const folder of ['lists/partial', 'archives/partial', 'headers']) mkdirSync(join(work, folder), { recursive: true })
  try {
    const key = '/usr/share/keyrings/debian-archive-keyring.gpg'
    const { stdout: known } = await run('apt-get', ['indextargets', '--format', '$(SITE) $(CODENAME)', 'Created-By: Packages', 'Component: main'])       // of the mirrors this machine uses
    const places = [...new Set(known.split('\n'))].filter((place) => /^\S+ bookworm(?:-security)?$/.test(place))
    if (places.length === 0) throw new Error('apt knows no list of bookworm')
    const lines = places.flatMap((place) => ['deb', 'deb-src'].map((kind) => `${kind} [signed-by=${key}] ${place} main`))
    writeFileSync(join(work, 'sources.list'), `${lines.join('\n')}\n`)
    const options = ['-o', `Dir::Etc::sourcelist=${work}/sources.list`, '-o', 'Dir::Etc::sourceparts=/dev/null', '-o', `Dir::State::lists=${work}/lists`, '-o', `Dir::Cache::archives=${work}/archives`]
    await run('apt-get', [...options, 'update'], { cwd: work })
    // Of the version installed: its C functions must fit the server.
    const { stdout: version } = await run('dpkg-query', ['-W', '-f', '${Version}', 'postgresql-15'])
    await run('apt-get', [...options, 'source', '--download-only', `postgresql-15=${version}`], { cwd: work })
    await run('apt-get', [...options, 'download', `postgresql-server-dev-15=${version}`], { cwd: work }).catch(() => {})
    const files = readdirSync(work)
    const archive = files.find((name) => name.endsWith('.orig.tar.bz2'))
    if (archive === undefined) throw new Error('no source archive came')
    await run('tar', ['xjf', archive, '--strip-components=1', '--wildcards', '*/src/test/regress/*'], { cwd: work })
    const headers = files.find((name) => name.endsWith('.deb'))
    if (headers !== undefined) await run('dpkg', ['-x', headers, 'headers'], { cwd: work })
    rmSync(join(work, archive), { force: true })
    rmSync(cache, { recursive: true, force: true })
    renameSync(work, cache)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** The suite's C functions, where they can be built; without them the statements that want them are rejected by the server and not counted. */
async function libraries(source: string): Promise<string> {
  const folder = process.env['SLUICE_PG_REGRESS_LIB'] ?? join(cache, 'lib')
  if (existsSync(folder)) return folder
  mkdirSync(folder, { recursive: true })
  for (const name of ['refint.so', 'autoinc.so']) if (existsSync(`/usr/lib/postgresql/15/lib/${name}`)) symlinkSync(`/usr/lib/postgresql/15/lib/${name}`, join(folder, name))
  await run('gcc', ['-shared', '-fPIC', '-O1', '-w', '-I', join(cache, 'headers/usr/include/postgresql/15/server'), join(source, 'regress.c'), '-o', join(folder, 'regress.so')]).catch(() => {})
  return folder
}

/** What the suite wants of its server; the tree dumps stay out of the log. */
export const suiteSettings = { max_connections: '40', max_prepared_transactions: '2', max_locks_per_transaction: '256', log_min_messages: 'fatal' } as const
/** The database pg_regress makes. */
export async function makeRegression(superuser: Session): Promise<void> {
  await superuser.run("CREATE DATABASE regression TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'")
  await superuser.run("ALTER DATABASE regression SET lc_messages TO 'C'; ALTER DATABASE regression SET timezone_abbreviations TO 'Default'; ALTER DATABASE regression SET bytea_output TO 'hex'")
}

export interface Judged extends Verdict { readonly file: string; readonly number: number }
/** Where a run stops to look: all statements, or the given ones (`select#12`). `step`: one of so many. */
export interface Pick { readonly only: ReadonlySet<string>; readonly files: ReadonlySet<string>; readonly step: number }

const words = /^(?:\s|--[^\n]*\n|\/\*(?:[^*]|\*(?!\/))*\*\/)*(select|insert|update|delete|merge|values|with|table|\()/i
/** What leaves the catalog as it was; after anything else the classifier reads it again. */
const harmless = /^(SELECT|INSERT|UPDATE|DELETE|MERGE|SHOW|SET|FETCH|MOVE|BEGIN|START|SAVEPOINT|RELEASE|COPY|EXPLAIN|PREPARE|EXECUTE|DEALLOCATE|DECLARE|CLOSE|LOCK|NOTIFY|LISTEN|VACUUM|ANALYZE|CHECKPOINT)/

/**
 * Plays the suite's files in their order through the real psql against the server, and judges each statement at the moment it is about to
 * run, in the same backend: its tables, types and search path are what they are for the suite.
 */
export async function playSuite(suite: Suite, target: { readonly host: string; readonly port: number; readonly password: string }, judge: Judge, pick: Pick, each: (judged: Judged) => void): Promise<void> {
  let file = ''
  let number = 0
  const wire = await startWire(target, {
    async before(seen) {
      if (!words.test(seen.sql)) return
      number++
      if (seen.transaction === 'E' || (pick.only.size > 0 ? !pick.only.has(`${file}#${number}`) : number % pick.step !== 0)) return
      const verdict = await inside(seen, (session, path) => judge.judge(session, seen.sql, connectionOf(path)))
        .catch((error: Error): Verdict => ({ outcome: 'crashed', reason: error.message, missing: [], sql: seen.sql }))
      each({ file, number, ...verdict })
    },
    after(tags) { if (tags.length === 0 || tags.some((tag) => !harmless.test(tag))) judge.forget() },
  })
  const results = join(cache, 'results')
  mkdirSync(results, { recursive: true })
  chmodSync(results, 0o777)
  try {
    for (const name of schedule(suite.source)) {
      if (pick.files.size > 0 && !pick.files.has(name) && !name.startsWith('test_setup')) continue
      file = name
      number = 0
      await play(join(suite.source, 'sql', `${name}.sql`), wire.port, target.password, suite)
    }
  } finally {
    await wire.close()
  }
}

/** A transaction or savepoint around our questions, under the settings execution pins, and nothing of it left afterwards. */
async function inside(seen: Seen, ask: (session: Opened, path: readonly string[]) => Promise<Verdict>): Promise<Verdict> {
  const { session } = seen
  await session.run(seen.transaction === 'I' ? 'BEGIN' : 'SAVEPOINT sluice_oracle')
  try {
    const { rows } = await session.run("SELECT n FROM unnest(pg_catalog.current_schemas(false)) AS n WHERE n NOT LIKE 'pg\\_temp%' AND n <> 'pg_catalog'")
    const path = rows.map(({ n }) => n ?? '')
    const quoted = ['pg_catalog', ...path, 'pg_temp'].map((name) => `"${name.replaceAll('"', '""')}"`)
    await session.run(`SET LOCAL search_path = ${quoted.join(', ')}; SET LOCAL standard_conforming_strings = on`)
    return await ask(session, path.length > 0 ? path : ['public'])
  } finally {
    await session.run(seen.transaction === 'I' ? 'ROLLBACK' : 'ROLLBACK TO sluice_oracle; RELEASE sluice_oracle')
  }
}

const schedule = (source: string): string[] => readFileSync(join(source, 'parallel_schedule'), 'utf8').split('\n')
  .filter((line) => line.startsWith('test:')).flatMap((line) => line.slice(5).trim().split(/\s+/))
  .filter((name) => existsSync(join(source, 'sql', `${name}.sql`)))

async function play(path: string, port: number, password: string, suite: Suite): Promise<void> {
  const child = spawn(psql, ['-X', '-q', '-f', path, 'regression'], {
    cwd: suite.source, stdio: 'ignore',
    env: {
      PATH: process.env['PATH'] ?? '', PGHOST: '127.0.0.1', PGPORT: String(port), PGUSER: 'postgres', PGPASSWORD: password, PGSSLMODE: 'disable', PGGSSENCMODE: 'disable',
      PGTZ: 'PST8PDT', PGDATESTYLE: 'Postgres, MDY', PGOPTIONS: '-c intervalstyle=postgres_verbose -c statement_timeout=20s -c lock_timeout=10s',
      PG_ABS_SRCDIR: suite.source, PG_ABS_BUILDDIR: cache, PG_LIBDIR: suite.libraries, PG_DLSUFFIX: '.so',
    },
  })
  const stop = setTimeout(() => child.kill('SIGKILL'), 30 * 60_000)
  await new Promise<void>((done) => child.once('close', () => done()).once('error', () => done()))
  clearTimeout(stop)
}
