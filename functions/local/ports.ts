import { randomBytes } from 'node:crypto'
import { createStores, type Machine } from '../aws/ports.ts'
import { isPermit } from '../decide/permit.ts'
import type { Hints } from '../hint.ts'
import { numbered } from '../numbering.ts'
import { publishing } from '../publish.ts'
import type { Log, Ports, Post, Search, Self } from '../ports.ts'
import { sealing } from '../record/content.ts'
import { createKubernetes } from '../protocol/kubernetes/kubernetes.ts'
import { createDirect as createMySqlSessions } from '../protocol/mysql/direct.ts'
import { createMySql } from '../protocol/mysql/mysql.ts'
import { createDirect as createPgTransport } from '../protocol/postgres/direct.ts'
import { createPostgres } from '../protocol/postgres/postgres.ts'
import { routed } from '../protocol/routed.ts'
import { createSsh } from '../protocol/ssh/ssh.ts'
import { fetchJson } from './fetch.ts'
import { readTarget, usernameOf } from './planetscale/target.ts'
import type { LocalSecrets } from './secrets.ts'

export interface LocalParts {
  /** URL of our DynamoDB server, and the credentials it wants: of this run, so that no other process here can write the policy or the record. */
  readonly dynamo: { readonly url: string; readonly credentials: LocalCredentials }
  /** URL of the Neon endpoint: every PostgreSQL target is reached through it. */
  readonly neon: string
  /** URL of the PlanetScale endpoint: every MySQL target is reached through it. */
  readonly planetscale: string
  readonly secrets: LocalSecrets
  readonly machine: Machine
  /** URL of the sockets' Management API. */
  readonly gateway: string
  readonly post: Post
  /** The log's key and its objects, or null: no log here. */
  readonly log: Omit<Log, 'store'> | null
  /** null: no index here. */
  readonly search: Search | null
  /** Told of every event that is stored. */
  readonly hints: Hints
  readonly self: Self
  readonly alarm: Ports['alarm']
}
export interface LocalCredentials { readonly accessKeyId: string; readonly secretAccessKey: string }
export const newCredentials = (): LocalCredentials => ({ accessKeyId: `local${randomBytes(8).toString('hex')}`, secretAccessKey: randomBytes(24).toString('hex') })

/** The adapters of production on the servers of this machine, and the twins for what no local server speaks. */
export function createLocalPorts({ dynamo, neon, planetscale, secrets, machine, gateway, post, log, search, hints, self, alarm }: LocalParts) {
  const raw = hints.overhear(createStores({ region: 'local', endpoint: dynamo.url, credentials: dynamo.credentials }, Date.now, gateway, machine))
  const counted = numbered(raw, { ...raw, alarm })
  const { workflow, requests, logStore, promise, ...stores } = sealing(counted, raw.keys, raw.now)
  if (workflow === null) throw new TypeError('no state machine')
  const endpoint = { http: `${neon}/sql`, websocket: `${neon.replace('http:', 'ws:')}/v2` }
  const parts = { secrets, now: stores.now, alarm, isPermit }
  const postgres = routed(createPostgres({ ...parts, endpoint: () => endpoint }), createPostgres({ ...parts, transport: createPgTransport(alarm) }))
  const mysql = routed(createMySql({ ...parts, endpoint: (url) => ({ http: planetscale, username: usernameOf(readTarget(url)) }) }), createMySql({ ...parts, open: createMySqlSessions(alarm) }))
  const kubernetes = createKubernetes({ secrets, now: stores.now, alarm, isPermit })
  const ssh = routed(createSsh(parts), createSsh(parts))          // both ways are one here
  const ports: Ports = { ...stores, secrets, fetchJson, engines: { postgres, mysql, kubernetes, ssh }, approvals: { requests, workflow, post }, log: log && { ...log, store: publishing(log.objects, logStore) }, ...(log === null ? {} : { promise }), search, alarm, self }
  return { ...ports, /** What lies in the ledger, for whoever puts it into the log: content stays sealed. */ sealed: counted.ledger, createTables: stores.createTables, close: stores.close, workflow }
}
