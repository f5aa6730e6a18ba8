import { spawn } from 'node:child_process'
import { join } from 'node:path'

/** `npm run check`: types, lint with the layer rule, dead code, generated files up to date. Every tool runs, then the sum: one run tells all that is wrong. */
const root = join(import.meta.dirname, '..')
const bin = (name: string) => join(root, 'node_modules/.bin', name)
const steps: readonly (readonly [name: string, command: string, args: readonly string[]])[] = [
  ['types', bin('tsc'), ['-p', '.']],
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
  const passed = result.code === 0
  if (!passed) failed++
  console.log(`${passed ? 'ok  ' : 'FAIL'} ${name}`)
  if (!passed) console.log(result.output)
}
process.exitCode = failed === 0 ? 0 : 1
