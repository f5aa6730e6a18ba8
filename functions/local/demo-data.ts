import { createHash, randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { readTarget } from './neon/target.ts'

const scripts = ['schema', 'rows', 'finish', 'roles'] as const
const accounts = { 'shop-write': 'shop_write', 'shop-read': 'shop_read', 'shop-plain': 'shop_plain' } as const

export interface Demo {
  /** Secret name → connection string, with passwords of this run. */
  readonly secrets: Readonly<Record<string, string>>
  /** false: it was there already. */
  readonly loaded: boolean
}

/**
 * Sees to it that the demo's shop is there, whole: everything is one transaction, and the comment it ends with says which scripts made it, so a
 * start that died while loading leaves nothing that counts. A shop of other scripts is made anew. `oneDatabase`: the server has no other than
 * the one in the URL. Throws the database's error.
 */
export async function loadDemo(superuserUrl: string, { oneDatabase = false, onLoad = () => {} }: { readonly oneDatabase?: boolean; readonly onLoad?: () => void } = {}): Promise<Demo> {
  const texts = await Promise.all(scripts.map((name) => readFile(join(import.meta.dirname, 'demo', `${name}.sql`), 'utf8')))
  const mark = `sluice demo ${createHash('sha256').update(texts.join('\0')).digest('hex').slice(0, 16)}`
  const name = oneDatabase ? new URL(superuserUrl).pathname.slice(1) : 'shop'
  const url = Object.assign(new URL(superuserUrl), { pathname: name }).href
  const there = await using(superuserUrl, async (client) => {
    const found = await client.query<{ mark: string | null }>(`SELECT shobj_description(oid, 'pg_database') AS mark FROM pg_database WHERE datname = $1`, [name])
    if (found.rows[0]?.mark === mark) return true
    if (!oneDatabase) {
      await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
      await client.query(`CREATE DATABASE ${name}`)
    }
    return false
  })
  const secrets = await using(url, async (client) => {
    if (!there) {
      onLoad()
      await client.query('BEGIN; SET LOCAL synchronous_commit = off')
      for (const text of texts) await client.query(text)
      await client.query(`COMMENT ON DATABASE ${name} IS '${mark}'`)
      await client.query('COMMIT')
      await client.query('ANALYZE')
      await client.query('CHECKPOINT')                      // what a kill -9 from now on leaves to replay is little
    }
    return setPasswords(client, url)
  })
  return { secrets, loaded: !there }
}

/** New at every start and only in memory: nothing on disk opens the shop. */
async function setPasswords(client: pg.Client, url: string): Promise<Record<string, string>> {
  const secrets: Record<string, string> = {}
  for (const [secret, role] of Object.entries(accounts)) {
    const password = randomBytes(18).toString('hex')
    await client.query(`ALTER ROLE ${role} PASSWORD '${password}'`)
    secrets[secret] = Object.assign(new URL(url), { username: role, password }).href
  }
  return secrets
}

async function using<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(readTarget(url).config)
  client.on('error', () => {})
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end().catch(() => {})
  }
}
