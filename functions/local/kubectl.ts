import { spawn } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** kubectl on PATH; null: none. */
export function findKubectl(path: string): string | null {
  for (const directory of path.split(delimiter).filter((one) => one !== '')) {
    try {
      accessSync(join(directory, 'kubectl'), constants.X_OK)
      return join(directory, 'kubectl')
    } catch { /* the next one */ }
  }
  return null
}
export interface Ran { readonly code: number | null; readonly out: string; readonly err: string }
const longestMs = 60_000

/** Runs it to its end with that kubeconfig and nothing of the user's own: no HOME whose configuration or cache it would read. */
export function runKubectl(binary: string, kubeconfig: string, cache: string, args: readonly string[]): Promise<Ran> {
  return new Promise((done, fail) => {
    const child = spawn(binary, ['--kubeconfig', kubeconfig, '--cache-dir', cache, ...args], { stdio: ['ignore', 'pipe', 'pipe'], timeout: longestMs, env: { PATH: process.env['PATH'], HOME: cache } })
    let [out, err] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (part: string) => { out += part })
    child.stderr.setEncoding('utf8').on('data', (part: string) => { err += part })
    child.once('error', fail).once('close', (code) => done({ code, out, err }))
  })
}
