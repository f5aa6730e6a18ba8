import { execFile, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'

/** Debian's sqlsmith, or the sentence that says how to get it. */
export async function findSmith(): Promise<string | null> {
  return promisify(execFile)('sqlsmith', ['--version']).then(() => null, () => 'sqlsmith is missing: apt-get install -y sqlsmith')
}

/**
 * Statements over the objects of a database, generated and not run. The same seed and database give the same ones. `url` as libpq reads it.
 * Ends after `count`, or when the generator does.
 */
export async function* generate(url: string, seed: number, count: number): AsyncGenerator<string> {
  const child = spawn('sqlsmith', [`--target=${url}`, `--seed=${seed}`, '--dry-run', `--max-queries=${count}`], { stdio: ['ignore', 'pipe', 'ignore'] })
  const gone = new Promise<void>((done) => child.once('close', () => done()).once('error', () => done()))
  try {
    let held: string[] = []
    for await (const line of createInterface({ input: child.stdout })) {
      held.push(line)
      if (!line.endsWith(';')) continue
      yield held.join('\n').replace(/;\s*$/, '').trim()
      held = []
    }
  } finally {
    child.kill('SIGTERM')
    await gone
  }
}
