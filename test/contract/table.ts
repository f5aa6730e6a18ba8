import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { files, injected, placeOf, type Place } from './suites.ts'

/**
 * What each port promises, and which adapter was found to keep it: every contract suite's tests as rows, the adapters that it was run on as columns. `npm run contract` runs the suites, prints the table and writes it to
 * docs/contracts.md; test/house/contracts.test.ts fails where that tells of another list of promises than there is.
 */
const root = join(import.meta.dirname, '../..')
const vitest = join(root, 'node_modules/vitest/vitest.mjs')
export const page = join(root, 'docs/contracts.md')
/** From best to worst. What was skipped, for want of a server, is neither of the others. */
const verdicts = ['kept', 'not run', '**broken**'] as const

interface One extends Place { readonly verdict: (typeof verdicts)[number] }

function run(...more: readonly string[]): readonly One[] {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-contract-'))
  try {
    spawnSync(process.execPath, [vitest, 'run', ...files, '--maxWorkers=1', '--reporter=json', `--outputFile=${join(directory, 'out.json')}`, ...more], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] })
    const { testResults } = JSON.parse(readFileSync(join(directory, 'out.json'), 'utf8')) as { testResults: { name: string; assertionResults: { ancestorTitles: string[]; title: string; status: string }[] }[] }
    return testResults.toSorted((a, b) => (a.name < b.name ? -1 : 1)).flatMap(({ name, assertionResults }) => assertionResults.flatMap(({ ancestorTitles, title, status }) => {
      const place = placeOf([...ancestorTitles, title], name)
      return place === null ? [] : [{ ...place, verdict: status === 'passed' ? 'kept' : ['skipped', 'pending', 'todo'].includes(status) ? 'not run' : '**broken**' } satisfies One]
    }))
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
/** Names alone, without running anything: `vitest list` leaves out what this machine has no server for, and the page is to be the same on every machine. */
export const listed = (): readonly Place[] => run('--testNamePattern=^no promise is called this$')

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;').replaceAll('\n', ' ')
const unique = (texts: readonly string[]): readonly string[] => [...new Set(texts)]

/** One table a port. `says`: what a cell says of the tests it stands for, more than one where they ran on several versions of a server; it is left empty where that adapter has no such test. */
export function tables<T extends Place>(all: readonly T[], says: (those: readonly T[]) => string): string {
  return unique(all.map(({ port }) => port)).toSorted().map((port) => {
    const of = all.filter((one) => one.port === port)
    const adapters = unique(of.map(({ adapter }) => adapter)).toSorted()
    const rows = unique(of.map(({ promise }) => promise)).map((promise) => `| ${[promise, ...adapters.map((adapter) => { const those = of.filter((each) => each.promise === promise && each.adapter === adapter); return those.length > 0 ? says(those) : '' })].map(cell).join(' | ')} |`)
    return `### ${port}\n\n| promise | ${adapters.map(cell).join(' | ')} |\n|---|${adapters.map(() => '---|').join('')}\n${rows.join('\n')}\n`
  }).join('\n')
}
const worst = (those: readonly One[]): string => verdicts.findLast((verdict) => those.some((one) => one.verdict === verdict)) ?? ''

if (process.argv[1] === import.meta.filename) {
  const all = run()
  const text = `# What the ports promise, and who keeps it

Written by \`npm run contract\`, which runs every contract suite on each of its adapters; do not edit. Each row is a test of that name.

\`signed\` and \`sdk\` are the two carriers of the adapters of DynamoDB, which exist once: both speak to the local server that serves \`npm start\`, with throttling, time-outs, and writes that fail with and without being stored injected into it (each
row that speaks of a failure). The adapter of Step Functions speaks by its SDK to the local server of state machines. \`memory\` is the tests' own stand-in, held to the same promises. S3, KMS, SES and Secrets Manager are the AWS adapters against stubs that check
requests and fail as AWS does; beside them are their twins on one machine. "${injected}" puts broken networks before the AWS adapters. AWS itself was never asked.

What an issuer says comes by two adapters as well, each over TLS from a server of the test's.

Targets are real servers: PostgreSQL of each version found, MariaDB, OpenSSH's sshd; the cluster is the demo's (docs/kubernetes.md says what was run on Kubernetes' own API server). \`neon\` and \`planetscale\` are the HTTP and WebSocket carriers of production, through the local servers that
speak those protocols; \`pg\` and \`mysql2\` the direct ones. "a private function" is the same engine behind sealed errands; where its row keeps a promise in another way, such as output of at most 2 MB, the test of that name says both. PostgreSQL and MySQL by errands have tests of their own
(test/protocol/remote.test.ts, test/lambda/private.test.ts), not this suite.

Not here, because there is one adapter of each, which serves on AWS and on one machine: the index of the log (test/search), Slack (test/post), and what a frame pushed to a socket becomes (test/aws/sockets.test.ts for API Gateway, test/socket for this machine).

${tables(all, worst)}`
  writeFileSync(page, text)
  process.stdout.write(text)
  const lacking = all.filter(({ verdict }) => verdict !== 'kept')
  if (lacking.length > 0) process.stderr.write(`not kept, or not run for want of a server (\`npm test\` says what to install): ${unique(lacking.map(({ port }) => port)).join('; ')}\n`)
  process.exitCode = lacking.length === 0 && all.length > 0 ? 0 : 1
}
