import { chmod, readFile, stat } from 'node:fs/promises'
import { Fault, type Secrets } from '../ports.ts'

const freshMs = 1000
type Values = Readonly<Record<string, string>>

export interface LocalSecrets extends Secrets {
  /** true when the environment or the file names one: then more than the demo's data is behind the gate. */
  readonly foreign: () => Promise<boolean>
  /** Every value at hand, to know which databases the endpoint may reach. */
  readonly values: () => Promise<readonly string[]>
}

/**
 * `SLUICE_SECRET_SHOP_WRITE`, then `shop-write` in the file, then what the stack made itself. The file is read again when it changed, so a rotated value
 * needs no restart; it is closed to others at the first look. A file that is not a JSON object of strings throws one line naming it.
 */
export function createSecrets({ file, env, made, now }: { file: string; env: Readonly<Record<string, string | undefined>>; made: Values; now: () => number }): LocalSecrets {
  let kept: { at: number; values: Values } | null = null

  async function fromFile(): Promise<Values> {
    if (kept !== null && now() - kept.at < freshMs && now() >= kept.at) return kept.values
    const values = await readSecrets(file)
    kept = { at: now(), values }
    return values
  }
  // The gate's own keys (`sluice-…`) lead to no data.
  const given = () => Object.entries(env).flatMap(([name, value]) => name.startsWith('SLUICE_SECRET_') && !name.startsWith('SLUICE_SECRET_SLUICE_') && value ? [value] : [])
  return {
    async get(name) {
      const value = env[variable(name)] || own(await fromFile(), name) || own(made, name)
      if (!value) throw new Fault('secret-missing', `no secret \`${name}\`: set ${variable(name)} or add it to ${file}`)
      return value
    },
    foreign: async () => given().length > 0 || Object.keys(await fromFile()).some((name) => !name.startsWith('sluice-')),
    values: async () => [...given(), ...Object.values(await fromFile()), ...Object.values(made)],
  }
}

/** `shop-database-url` → `SLUICE_SECRET_SHOP_DATABASE_URL` */
export const variable = (name: string) => `SLUICE_SECRET_${name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}`

const own = (values: Values, name: string) => Object.hasOwn(values, name) ? values[name] : undefined

/** A JSON object of strings; nothing there is none. Closes the file to others. */
export async function readSecrets(file: string): Promise<Values> {
  const found = await stat(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw new Fault('secret-missing', `\`${file}\` cannot be read`, { cause: error })
  })
  if (found === null) return {}
  if ((found.mode & 0o077) !== 0) await chmod(file, 0o600)
  let values: unknown
  try {
    values = JSON.parse(await readFile(file, 'utf8'))
  } catch {
    values = null                                            // the parser's own message would quote what is in the file
  }
  if (typeof values !== 'object' || values === null || Array.isArray(values) || !Object.values(values).every((value) => typeof value === 'string')) {
    throw new Fault('secret-missing', `\`${file}\` is not a json object of strings`)
  }
  return values as Values
}
