import { isIP } from 'node:net'
import type { ClientConfig } from 'pg'

/** Where a connection string leads. `config` is complete, so that no PG* variable of our environment and no file of ours takes part. */
export interface Target { readonly host: string; readonly port: number; readonly config: ClientConfig }

const ignored = new Set(['channel_binding', 'connect_timeout', 'target_session_attrs', 'pgbouncer', 'gssencmode'])

/** Reads a `postgres://` URL. Throws a sentence without the URL in it, which holds a password. */
export function readTarget(text: string): Target {
  const url = URL.parse(text)
  if (url === null || (url.protocol !== 'postgres:' && url.protocol !== 'postgresql:')) throw new Error('the connection string is not a postgres:// url')
  const [user, password, database] = [url.username, url.password, url.pathname.slice(1)].map(decodeURIComponent)
  if (!url.hostname || !user || !database) throw new Error('the connection string must name user, host and database')
  if (password === undefined || [user, password, database].some((part) => part.includes('\0'))) throw new Error('the connection string holds a zero byte')
  const host = decodeURIComponent(url.hostname).replace(/^\[(.*)\]$/, '$1')
  if (host.includes('/')) throw new Error('a unix socket is not a host')
  const port = url.port === '' ? 5432 : Number(url.port)
  let ssl = !isLoopback(host)
  const config: ClientConfig = { user, password, database, host, port, connectionTimeoutMillis: 10_000, keepAlive: true }
  for (const [name, value] of url.searchParams) {
    // Nothing weaker than a checked certificate: what the URL calls `require` is checked as well, as the driver does it in production.
    if (name === 'sslmode') ssl = value !== 'disable'
    else if (name === 'options') config.options = value
    else if (name === 'application_name') config.application_name = value
    else if (!ignored.has(name)) throw new Error(`the connection string has the unknown parameter \`${name}\``)
  }
  return { host, port, config: { ...config, ssl: ssl ? { rejectUnauthorized: true, ...(isIP(host) ? {} : { servername: host }) } : false } }
}

/** 127.0.0.0/8, ::1 and `localhost`, however a client writes them. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^(::ffff:)?127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host)
}
