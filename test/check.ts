import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** `npm run check`: types, lint with the layer rule, dead code, generated files up to date. Every tool runs, then the sum: one run tells all that is wrong. */
const root = join(import.meta.dirname, '..')
const bin = (name: string) => join(root, 'node_modules/.bin', name)
const infra = 'types of sst.config.ts'
const steps: readonly (readonly [name: string, command: string, args: readonly string[]])[] = [
  ['types', bin('tsc'), ['-p', '.']],
  ...(existsSync(join(root, '.sst/platform/src/auto/run.ts')) ? [[infra, bin('tsc'), ['-p', 'tsconfig.infra.json']] as const] : []),   // without `npx sst install` there are no types to check it by
  ['lint and layers', bin('oxlint'), ['.', '--deny-warnings']],
  ['dead code', bin('knip'), ['--no-progress']],
  ['generated files', process.execPath, ['schema/generate.ts', '--check']],
]

function run(command: string, args: readonly string[]): Promise<{ readonly code: number | null; readonly output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => { output += chunk.toString() })
    child.stderr.on('data', (chunk: Buffer) => { output += chunk.toString() })
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, output }))
  })
}

let failed = 0
for (const [name, result] of await Promise.all(steps.map(async ([name, command, args]) => [name, await run(command, args)] as const))) {
  // SST's own sources are checked along, and are not ours to mend.
  const ours = name === infra ? result.output.split('\n').filter((line) => /^(?:infra\/|sst\.config)/.test(line)).join('\n') : result.output
  const passed = name === infra ? ours === '' : result.code === 0
  if (!passed) failed++
  console.log(`${passed ? 'ok  ' : 'FAIL'} ${name}`)
  if (!passed) console.log(ours)
}
process.exitCode = failed === 0 ? 0 : 1
