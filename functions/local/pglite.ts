import { randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { join } from 'node:path'
import type { PGlite } from '@electric-sql/pglite'
import { authenticated, fatal, frames, passwordRequest, startups, type Frame } from './pglite/wire.ts'
import { proves } from './pglite/scram.ts'

/**
 * PostgreSQL without a native server, for platforms that have no package: PGlite behind a TCP port that speaks its wire protocol. One session
 * for everybody, so connections take turns, and there is no cancel, no honest lock and no timeout. A statement that gives up its role
 * (SET SESSION AUTHORIZATION) becomes the superuser: the accounts of the shop are a courtesy here, not a wall.
 */
export async function startPglite({ directory }: { readonly directory: string }): Promise<{ readonly port: number; readonly superuserUrl: string; stop(): Promise<void> }> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const { PGlite } = await import('@electric-sql/pglite')
  const db = await PGlite.create(join(directory, 'data'))
  const password = randomBytes(24).toString('hex')
  await db.exec(`ALTER ROLE postgres PASSWORD '${password}'`)
  const version = (await db.query<{ server_version: string }>('SHOW server_version')).rows[0]?.server_version ?? ''
  const sockets = new Set<Socket>()
  let turn: Promise<void> = Promise.resolve()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy()).on('close', () => sockets.delete(socket))
    serve(db, version, socket, (work) => {
      const mine = turn.then(work)
      turn = mine.catch(() => {})
      return mine
    }).catch(() => {}).finally(() => socket.destroy())
  })
  await new Promise<void>((done, fail) => server.once('error', fail).listen(0, '127.0.0.1', done))
  const { port } = server.address() as AddressInfo
  return {
    port, superuserUrl: `postgres://postgres:${password}@127.0.0.1:${port}/postgres`,
    async stop() {
      server.close()
      for (const socket of sockets) socket.destroy()
      await turn
      await db.close()
    },
  }
}

/** One connection: who it is, then its turn, then message for message until it ends; afterwards nothing of it is left in the session. */
async function serve(db: PGlite, version: string, socket: Socket, inTurn: (work: () => Promise<void>) => Promise<void>): Promise<void> {
  const bytes = socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  const { user, database, rest } = await startups(bytes, socket)
  if (user === null) return
  socket.write(passwordRequest)
  const messages = frames(bytes, rest)
  const first = await messages.next()
  const given = first.done || first.value.type !== 'p' ? null : first.value.bytes.subarray(5, -1).toString('utf8')
  await inTurn(async () => {
    const stored = await db.query<{ rolpassword: string | null }>('SELECT rolpassword FROM pg_catalog.pg_authid WHERE rolname = $1 AND rolcanlogin', [user])
    if (given === null || !proves(given, stored.rows[0]?.rolpassword ?? null)) return void socket.end(fatal('28P01', `password authentication failed for user "${user}"`))
    if (database !== 'postgres') return void socket.end(fatal('3D000', `database "${database}" does not exist`))
    try {
      await becomes(db, user)
      socket.write(authenticated(version))
      await relay(db, socket, messages)
    } finally {
      await db.execProtocolRaw(Buffer.from([0x53, 0, 0, 0, 4]))     // Sync: an extended query cut off in the middle would swallow what follows
      await db.exec('ROLLBACK').catch(() => {})
      await db.exec('SET SESSION AUTHORIZATION postgres')            // RESET does not lead back here, PGlite knows no login role
      await db.exec('DISCARD ALL')
    }
  })
}

/** The role, with the settings that ALTER ROLE … SET gave it, which a real server applies at login. */
async function becomes(db: PGlite, user: string): Promise<void> {
  const settings = await db.query<{ name: string; value: string }>(
    `SELECT split_part(entry, '=', 1) AS name, substr(entry, strpos(entry, '=') + 1) AS value
     FROM pg_catalog.pg_db_role_setting, unnest(setconfig) AS entry WHERE setrole = (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = $1)`, [user])
  for (const { name, value } of settings.rows) await db.query('SELECT set_config($1, $2, false)', [name, value])
  if (user !== 'postgres') await db.exec(`SET SESSION AUTHORIZATION "${user.replaceAll('"', '""')}"`)
}

async function relay(db: PGlite, socket: Socket, messages: AsyncGenerator<Frame, void>): Promise<void> {
  for await (const { type, bytes } of messages) {
    if (type === 'X') return
    const answer = await db.execProtocolRaw(bytes)
    if (answer.length > 0 && !socket.write(answer)) await new Promise((done) => socket.once('drain', done).once('close', done))
  }
}
