import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * What each port promises, and which adapter was found to keep it: every contract suite's tests as rows, the adapters that it was run on as columns. `npm run contract` runs the suites, prints the table and writes it to
 * docs/contracts.md; test/house/contracts.test.ts fails where that tells of another list of promises than there is.
 */
const root = join(import.meta.dirname, '../..')
const vitest = join(root, 'node_modules/vitest/vitest.mjs')
export const page = join(root, 'docs/contracts.md')
/** Files whose suites are called `port by adapter`, and the one that has an adapter only. */
const files = ['test/contract', ...['idempotency', 'keys', 'ledger', 'meter', 'policies', 'requests', 'injected'].map((name) => `test/aws/${name}.test.ts`)]
const alone: Readonly<Record<string, readonly [string, string]>> = { 'the workflow of a request': ['workflow', 'sdk'], 'a step': ['workflow, its steps', 'any'] }
/** Answers of AWS that are none, before each adapter that stands alone: test/aws/injected.test.ts. */
const injected = 'answers that are none'

interface One { readonly port: string; readonly promise: string; readonly adapter: string; readonly kept: boolean }

/** `objects by disk > what was created …` → its row and column; null: a test of one adapter's own. */
function placeOf(titles: readonly string[], file: string): Omit<One, 'kept'> | null {
  const [suite = '', ...rest] = titles
  if (file.endsWith('injected.test.ts')) return { port: injected, promise: rest.join(': '), adapter: suite }
  const [, port, adapter] = /^([a-z ]+) by (.+)$/.exec(suite) ?? ['', ...alone[suite] ?? []]
  return port === undefined || adapter === undefined || port === '' ? null : { port, promise: rest.join(': '), adapter }
}

/** Names alone, without running anything. */
export function listed(): readonly Omit<One, 'kept'>[] {
  const text = execFileSync(process.execPath, [vitest, 'list', ...files, '--json', '--no-staticParse'], { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024, stdio: ['ignore', 'pipe', 'inherit'] })
  return (JSON.parse(text.slice(text.indexOf('['))) as { name: string; file: string }[]).flatMap(({ name, file }) => placeOf(name.split(' > '), file) ?? [])
}

function ran(): readonly One[] {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-contract-'))
  try {
    spawnSync(process.execPath, [vitest, 'run', ...files, '--maxWorkers=1', '--reporter=json', `--outputFile=${join(directory, 'out.json')}`], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] })
    const { testResults } = JSON.parse(readFileSync(join(directory, 'out.json'), 'utf8')) as { testResults: { name: string; assertionResults: { ancestorTitles: string[]; title: string; status: string }[] }[] }
    return testResults.flatMap(({ name, assertionResults }) => assertionResults.flatMap(({ ancestorTitles, title, status }) => {
      const place = placeOf([...ancestorTitles, title], name)
      return place === null ? [] : [{ ...place, kept: status === 'passed' }]
    }))
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;').replaceAll('\n', ' ')
const unique = (texts: readonly string[]): readonly string[] => [...new Set(texts)]

/** One table a port. `says`: what a cell says; it is left empty where that adapter has no such test. */
export function tables<T extends Omit<One, 'kept'>>(all: readonly T[], says: (one: T) => string): string {
  return unique(all.map(({ port }) => port)).toSorted().map((port) => {
    const of = all.filter((one) => one.port === port)
    const adapters = unique(of.map(({ adapter }) => adapter)).toSorted()
    const rows = unique(of.map(({ promise }) => promise)).map((promise) => `| ${[promise, ...adapters.map((adapter) => { const one = of.find((each) => each.promise === promise && each.adapter === adapter); return one ? says(one) : '' })].map(cell).join(' | ')} |`)
    return `### ${port}\n\n| promise | ${adapters.map(cell).join(' | ')} |\n|---|${adapters.map(() => '---|').join('')}\n${rows.join('\n')}\n`
  }).join('\n')
}

if (process.argv[1] === import.meta.filename) {
  const all = ran()
  const text = `# What the ports promise, and who keeps it

Written by \`npm run contract\`, which runs every contract suite on each of its adapters; do not edit. Each row is a test of that name.

\`signed\` and \`sdk\` are the two carriers of the adapters of DynamoDB, which exist once: both speak to the local server that serves \`npm start\`, with throttling, time-outs, and writes that fail with and without being stored injected into it (each
row that speaks of a failure). The adapter of Step Functions speaks by its SDK to the local server of state machines. \`memory\` is the tests' own stand-in, held to the same promises. S3, KMS, SES and Secrets Manager are the AWS adapters against stubs that check
requests and fail as AWS does; beside them are their twins on one machine. "${injected}" puts broken networks before the AWS adapters. AWS itself was never asked.

${tables(all, ({ kept }) => (kept ? 'kept' : '**broken**'))}`
  writeFileSync(page, text)
  process.stdout.write(text)
  const broken = all.filter(({ kept }) => !kept)
  process.exitCode = broken.length === 0 && all.length > 0 ? 0 : 1
}
