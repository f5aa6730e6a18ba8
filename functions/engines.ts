import { isPermit } from './decide/permit.ts'
import type { Ports } from './ports.ts'
import { later } from './protocol/later.ts'
import type { Protocol } from './protocol/protocol.ts'
import { routed } from './protocol/routed.ts'

/**
 * The engines of a function that executes. Each, with its grammar and its driver, is read with the first statement of it: who is refused at the door waits for none, and nobody for another's. `apart`: the way to an
 * engine's private targets, null where there is none; `here`: an engine that understands without its target.
 */
export function createEngines({ secrets, alarm }: Pick<Ports, 'secrets' | 'alarm'>, apart: (own: { readonly isPermit: typeof isPermit; readonly here?: Protocol }) => Protocol | null): Ports['engines'] {
  const parts = { secrets, alarm, now: Date.now, isPermit }
  const postgres = later(async () => (await import('./protocol/postgres/postgres.ts')).createPostgres(parts), 'granting')
  const mysql = later(async () => (await import('./protocol/mysql/mysql.ts')).createMySql(parts), 'granting')
  const kubernetes = later(async () => (await import('./protocol/kubernetes/kubernetes.ts')).createKubernetes(parts), 'reading', 'granting')
  const ssh = later(async () => (await import('./protocol/ssh/ssh.ts')).createSsh(parts), 'granting')
  const sql = apart({ isPermit })
  return { postgres: routed(postgres, sql), mysql: routed(mysql, sql), kubernetes: routed(kubernetes, apart({ isPermit, here: kubernetes })), ssh: routed(ssh, apart({ isPermit, here: ssh })) }
}
