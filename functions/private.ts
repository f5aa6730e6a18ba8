import { cutsOf } from './aws/cuts.ts'
import { createSecrets, speak } from './aws/lambda.ts'
import { createCarrier, createInside } from './protocol/inside.ts'
import { later } from './protocol/later.ts'

/**
 * AWS Lambda in the network of private targets, invoked by the functions that execute and by nobody else. It has the credentials of those targets, no way to the internet and no need of one: of AWS it asks
 * Secrets Manager (`SLUICE_SECRETS`, as everywhere) and, of what takes longer than two seconds, whether it must end: one row of a table by its name, and nothing else of it (`SLUICE_TABLES`).
 */
const { isPermit, carry } = createCarrier()
const parts = { secrets: createSecrets(), now: Date.now, alarm: speak, isPermit }
const postgres = later(async () => (await import('./protocol/postgres/postgres.ts')).createPostgres({ ...parts, transport: (await import('./protocol/postgres/direct.ts')).createDirect(speak) }), 'granting')
const mysql = later(async () => (await import('./protocol/mysql/mysql.ts')).createMySql({ ...parts, open: (await import('./protocol/mysql/direct.ts')).createDirect(speak) }), 'granting')
const kubernetes = later(async () => (await import('./protocol/kubernetes/kubernetes.ts')).createKubernetes(parts), 'granting')
const ssh = later(async () => (await import('./protocol/ssh/ssh.ts')).createSsh(parts), 'granting')

/** `SLUICE_PRIVATE_FOR`: the functions that send errands, by the names under which their keys lie; without it they share one. */
export const handler = createInside({ ...parts, carry, cuts: cutsOf(process.env), senders: (process.env['SLUICE_PRIVATE_FOR'] ?? '').split(',').filter((name) => name !== ''), engines: { postgres, mysql, kubernetes, ssh } })
