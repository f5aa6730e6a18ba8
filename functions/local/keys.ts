import { randomBytes } from 'node:crypto'
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readSecrets } from './secrets.ts'

const names = ['sluice-session-key', 'sluice-mask-key', 'sluice-result-key', 'sluice-console-key'] as const

/**
 * The gate's own keys, made once and kept in `keys.json` (0600), because sessions and hash masks must mean the same after a restart. A key that a
 * later version wants is added to those there are. Throws one line when the file is not what it should be: new keys would not fail, they would
 * silently make every old session and hash another.
 */
export async function keepKeys(directory: string): Promise<Readonly<Record<string, string>>> {
  const path = join(directory, 'keys.json')
  const kept = await readSecrets(path)
  const missing = names.filter((name) => kept[name] === undefined)
  if (missing.length === 0) return kept
  const keys = { ...kept, ...Object.fromEntries(missing.map((name) => [name, randomBytes(32).toString('base64')])) }
  await writeFile(`${path}.new`, JSON.stringify(keys), { mode: 0o600 })
  await rename(`${path}.new`, path)
  return keys
}
