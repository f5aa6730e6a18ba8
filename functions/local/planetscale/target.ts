import type { ConnectionOptions } from 'mysql2'
import { isLoopback } from '../neon/target.ts'

/** A MySQL or MariaDB server and one account of it. */
export interface Target { readonly host: string; readonly port: number; readonly user: string; readonly database: string }

/** Reads `mysql://user:password@host:port/database`. Throws with a clear line; never with the password in it. */
export function readTarget(text: string): Target & { readonly password: string } {
  if (!URL.canParse(text)) throw new Error('the connection string is no URL')
  const url = new URL(text)
  const [user, password, database] = [url.username, url.password, url.pathname.slice(1)].map(decodeURIComponent) as [string, string, string]
  if (url.protocol !== 'mysql:') throw new Error('the connection string does not begin with `mysql://`')
  if (!url.hostname || !user || !database) throw new Error('the connection string must name user, host and database')
  return { host: url.hostname.replace(/^\[(.*)\]$/, '$1'), port: url.port === '' ? 3306 : Number(url.port), user, password, database }
}

/** PlanetScale knows a database by the user name alone. Ours says so in it: user, host, port and database, each escaped. */
export const usernameOf = ({ user, host, port, database }: Target): string => [user, host, String(port), database].map(encodeURIComponent).join('/')
export function readUsername(username: string): Target {
  const [user, host, port, database, ...more] = username.split('/').map(decodeURIComponent)
  if (!user || !host || !database || !/^\d{1,5}$/.test(port ?? '') || more.length > 0) throw new Error('the user name is not one of this endpoint')
  return { user, host, port: Number(port), database }
}

/** How we speak to it: no file of this machine to the server, one statement a text, rows as changed and not as matched (as PlanetScale counts), and a certificate checked beyond this machine, its name too, which this driver does only when told. */
export const optionsOf = ({ host, port, user, database }: Target, password: string): ConnectionOptions => ({
  host, port, user, password, database, charset: 'utf8mb4_unicode_ci', timezone: 'Z', connectTimeout: 10_000, multipleStatements: false, flags: ['-LOCAL_FILES', '-FOUND_ROWS'],
  ...(isLoopback(host) ? {} : { ssl: { rejectUnauthorized: true, verifyIdentity: true } }),
})
