import { isPermit } from './decide/permit.ts'
import type { Ports } from './ports.ts'
import { later } from './protocol/later.ts'
import type { Protocol } from './protocol/protocol.ts'
import { routed } from './protocol/routed.ts'

type Parts = Pick<Ports, 'secrets' | 'alarm'>
/** The way to an engine's private targets, null where there is none. `here`: an engine that understands without its target. */
type Apart = (own: { readonly isPermit: typeof isPermit; readonly here?: Protocol }) => Protocol | null
const partsOf = ({ secrets, alarm }: Parts) => ({ secrets, alarm, now: Date.now, isPermit })

/** The engines of a function that executes. Each, with its grammar and its driver, is read with the first statement of it: who is refused at the door waits for none, and nobody for another's. */
export const createEngines = (given: Parts, apart: Apart): Ports['engines'] => ({ ...createDatabases(given, apart), ...createMachines(given, apart) })

function createDatabases(given: Parts, apart: Apart): Ports['engines'] {
  const parts = partsOf(given)
  const postgres = later(async () => (await import('./protocol/postgres/postgres.ts')).createPostgres(parts), 'granting')
  const mysql = later(async () => (await import('./protocol/mysql/mysql.ts')).createMySql(parts), 'granting')
  const sql = apart({ isPermit })
  return { postgres: routed(postgres, sql), mysql: routed(mysql, sql) }
}

/** Of clusters and hosts alone. */
export function createMachines(given: Parts, apart: Apart): Ports['engines'] {
  const parts = partsOf(given)
  const kubernetes = later(async () => (await import('./protocol/kubernetes/kubernetes.ts')).createKubernetes(parts), 'reading', 'granting')
  const ssh = later(async () => (await import('./protocol/ssh/ssh.ts')).createSsh(parts), 'granting')
  return { kubernetes: routed(kubernetes, apart({ isPermit, here: kubernetes })), ssh: routed(ssh, apart({ isPermit, here: ssh })) }
}
