import { execFile } from 'node:child_process'
import { accessSync } from 'node:fs'
import { chown, lstat, readdir, readFile, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'

/**
 * Under which account PostgreSQL runs. It refuses uid 0, and initdb refuses a uid without a passwd entry. `owner` is who must own its files,
 * null where they are ours anyhow; `wrap` turns a command into what to spawn.
 */
export interface Account {
  readonly owner: { readonly uid: number; readonly gid: number } | null
  readonly wrap: (command: string, args: readonly string[]) => { readonly command: string; readonly args: readonly string[]; readonly options: { uid?: number; gid?: number } }
}

const nobody = 65534
const direct: Account = { owner: null, wrap: (command, args) => ({ command, args, options: {} }) }
/** A user namespace: to the server we are `nobody`, to the file system we stay who we are. */
const mapped = (owner: Account['owner']): Account => ({
  owner,
  wrap: (command, args) => ({ command: 'unshare', args: ['-U', `--map-user=${nobody}`, `--map-group=${nobody}`, '--', command, ...args], options: {} }),
})

/** `paths`: what the server must reach. Throws one clear line when no way is left. */
export async function chooseAccount(paths: readonly string[]): Promise<Account> {
  const uid = process.getuid?.()
  if (uid === undefined) return direct
  if (uid !== 0) return (await inPasswd(uid)) ? direct : needNamespace(mapped(null), `uid ${uid} has no entry in /etc/passwd, which PostgreSQL wants`)
  const closed = await firstClosed(paths)
  if (closed === null && await inPasswd(nobody)) return { owner: { uid: nobody, gid: nobody }, wrap: (command, args) => ({ command, args, options: { uid: nobody, gid: nobody } }) }
  return needNamespace(mapped({ uid: 0, gid: 0 }), `postgres refuses to run as root, and its stand-in may not enter \`${closed ?? '/etc/passwd'}\`: start as another user, or move the checkout`)
}

async function needNamespace(account: Account, otherwise: string): Promise<Account> {
  const { command, args } = account.wrap('true', [])
  return promisify(execFile)(command, [...args]).then(() => account, () => { throw new Error(otherwise) })
}

async function inPasswd(uid: number): Promise<boolean> {
  if (process.platform !== 'linux') return true
  const listed = await readFile('/etc/passwd', 'utf8').catch(() => '')
  if (listed.split('\n').some((line) => line.split(':')[2] === String(uid))) return true
  return promisify(execFile)('getent', ['passwd', String(uid)]).then(() => true, () => false)
}

/** The outermost folder on the way to one of the paths that others may not enter; a checkout below Debian's /root is the usual case. */
async function firstClosed(paths: readonly string[]): Promise<string | null> {
  for (const path of paths) {
    const way: string[] = []
    for (let folder = resolve(path); ; folder = dirname(folder)) {
      way.unshift(folder)
      if (folder === dirname(folder)) break
    }
    for (const folder of way) if (((await stat(folder)).mode & 0o001) === 0) return folder
  }
  return null
}

/** Gives a tree to `owner` if its top is not theirs already; both ways, because a checkout may move into or out of a closed folder. */
export async function give(path: string, owner: Account['owner'], force = false): Promise<void> {
  if (owner === null) {
    accessSync(path)
    return
  }
  const top = await lstat(path)
  if (!force && top.uid === owner.uid) return
  if (top.isDirectory()) for (const entry of await readdir(path)) await give(join(path, entry), owner, true)
  await chown(path, owner.uid, owner.gid).catch((error: NodeJS.ErrnoException) => { if (error.code !== 'ENOENT') throw error })
}
