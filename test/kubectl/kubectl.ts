import { spawn } from 'node:child_process'
import { findKubectl } from '../../functions/local/kubectl.ts'

/** The binary of `SLUICE_TEST_KUBECTL`, else kubectl on PATH; null: none. */
export const kubectlToTest = (): string | null => process.env['SLUICE_TEST_KUBECTL'] ?? findKubectl(process.env['PATH'] ?? '')
export interface Ran { readonly code: number | null; readonly out: string; readonly err: string }
/** Words as a shell has them, with no quotes: every word of the suite's commands is free of spaces. */
export function kubectl(binary: string, kubeconfig: string, cache: string, args: readonly string[], { stdin = '', ends, timeoutMs = 30_000 }: { stdin?: string; ends?: RegExp | undefined; timeoutMs?: number } = {}): Promise<Ran> {
  return new Promise((done, fail) => {
    const child = spawn(binary, ['--kubeconfig', kubeconfig, '--cache-dir', cache, ...args], { stdio: ['pipe', 'pipe', 'pipe'], env: { PATH: process.env['PATH'], HOME: cache, KUBECTL_EXTERNAL_DIFF: 'diff -u -N', LC_ALL: 'C' } })
    let [out, err] = ['', '']
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
    child.stdout.setEncoding('utf8').on('data', (part: string) => { out += part; if (ends && out !== '' && ends.test(out)) child.kill('SIGINT') })
    child.stderr.setEncoding('utf8').on('data', (part: string) => { err += part })
    child.once('error', fail).once('close', (code) => { clearTimeout(timer); done({ code, out, err }) })
    child.stdin.on('error', () => {}).end(stdin)
  })
}
/** `1.32.4-dispatcher` → 32 */
export async function minorOf(binary: string, cache: string): Promise<number> {
  const { out } = await kubectl(binary, '/dev/null', cache, ['version', '--client', '-o', 'json'])
  return Number.parseInt((JSON.parse(out) as { clientVersion: { minor: string } }).clientVersion.minor, 10)
}

/** What two runs of one command may differ in: when, how long ago, which one, where. */
export const normal = (text: string): string => text
  .replaceAll(/https:\/\/127\.0\.0\.1:\d+[^\s"']*/g, 'URL')
  .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'UID')
  .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, 'TIME')
  .replaceAll(/[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [+-]\d{4}/g, 'TIME')
  .replaceAll(/\b(\d+[smhdy]){1,2}(?=\s|$)/gm, 'AGE')
  .replaceAll(/resourceVersion"?: ?"?\d+"?/gi, 'resourceVersion: N')
  .replaceAll(/\b\d{4}[/-]\d\d[/-]\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?( [+-]\d{4})?/g, 'TIME')
  .replaceAll(/\/tmp\/(LIVE|MERGED)-\d+/g, '$1')
  .replaceAll(/ {2,}|\t+/g, '  ').replaceAll(/ +$/gm, '')
