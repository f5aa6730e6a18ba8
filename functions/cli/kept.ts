import { randomBytes } from 'node:crypto'
import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import * as z from 'zod'
import { exit, Stop, type Terminal } from './terminal.ts'

/** Access tokens from `sluice login`, by gate: a token is only ever sent to the gate it was made for. `expiresAt` in epoch ms. */
const kept = z.record(z.string(), z.strictObject({ token: z.string(), expiresAt: z.number(), issuer: z.string() }))
type Kept = z.infer<typeof kept>
type Env = Terminal['env']

const directory = (env: Env): string => join(env['XDG_CONFIG_HOME'] || join(env['HOME'] || homedir(), '.config'), 'sluice')
export const keptFile = (env: Env): string => join(directory(env), 'tokens.json')

/** The token kept for that gate, or null when there is none or it is over. `now`: epoch ms. */
export async function storedToken(url: string, env: Env, now: number = Date.now()): Promise<string | null> {
  const entry = (await read(env))[url]
  return entry && entry.expiresAt > now ? entry.token : null
}

/** Keeps a token, 0600 in a directory of 0700, whole or not at all, and drops those that are over. Returns the file. */
export async function keepToken(url: string, env: Env, now: number, entry: Kept[string]): Promise<string> {
  const living = Object.entries(await read(env)).filter(([, other]) => other.expiresAt > now)
  const file = keptFile(env)
  await mkdir(directory(env), { recursive: true, mode: 0o700 })
  await chmod(directory(env), 0o700)
  const beside = `${file}.${randomBytes(6).toString('hex')}`
  await writeFile(beside, JSON.stringify(Object.fromEntries([...living, [url, entry]])), { mode: 0o600, flag: 'wx' })
  await rename(beside, file)
  return file
}

async function read(env: Env): Promise<Kept> {
  const file = keptFile(env)
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '{}'
    throw new Stop(exit.failed, `\`${file}\` cannot be read (${error.code ?? 'unknown'})`)
  })
  try {
    return kept.parse(JSON.parse(text))
  } catch {
    throw new Stop(exit.failed, `\`${file}\` is not what sluice login wrote; delete it and sign in again`)
  }
}
