import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { bundle } from '../infra/bundle.ts'

/**
 * CPU ms that a fresh process spends on loading the deployed function, beside `node -e 0`, and the function's size. `node bench/start.ts` prints
 * both; `--json` for the rounds. The runtime's own globals are stood in for; nothing is called, so no target and no store is needed.
 */
const rounds = 8
const run = promisify(execFile)
const report = 'const { user, system } = process.cpuUsage(); process.stdout.write(String((user + system) / 1000)); process.exit(0)'
const env = {
  PATH: process.env['PATH'], SLUICE_PUBLIC_URL: 'https://gate.example.com', AWS_REGION: 'eu-central-1', AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'x',
}
async function cpuMs(load: string): Promise<number> {
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', `${load}\n${report}`], { env })
  return Number(stdout)
}

const { file, bytes, gzipBytes } = await bundle('http')
const loads = { bare: '', http: `globalThis.awslambda = { streamifyResponse: (handler) => handler }\nawait import(${JSON.stringify(file)})` }
const raw: Record<keyof typeof loads, number[]> = { bare: [], http: [] }
for (let round = 0; round < rounds; round++) for (const name of ['bare', 'http'] as const) raw[name].push(await cpuMs(loads[name]))
const beyondMs = Math.min(...raw.http) - Math.min(...raw.bare)
if (process.argv.includes('--json')) process.stdout.write(JSON.stringify({ beyondMs, bytes, gzipBytes, raw }))
else console.log(`http  ${beyondMs.toFixed(0)} ms of cpu beyond a bare node, ${(bytes / 1024).toFixed(0)} KB min, ${(gzipBytes / 1024).toFixed(0)} KB gz`)
