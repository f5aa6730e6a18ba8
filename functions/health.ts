import type { Gate } from './gate.ts'
import type { Ports } from './ports.ts'
import { engineOf } from './protocol/engine.ts'
import type { ConnectionDocument } from '../schema/policy.ts'

const keepMs = 2000
const patienceMs = 1500
const lostMs = 10_000

/**
 * Can the gate decide, execute and record, now? Real reads of policy, record and targets, at most one round every two seconds whoever asks,
 * so that strangers cannot use it to load the stores. Nothing is written to find out: a record that can be read and not written shows by the first call that it cannot take, and
 * for ten seconds after each this process is not ready. The answer is yes or no; what is wrong goes to the operator through the alarm.
 */
export function createHealth(ports: Ports, gate: Gate) {
  let last: { readonly at: number; readonly ready: Promise<boolean> } | null = null

  function ready(): Promise<boolean> {
    const now = ports.now()
    if (last === null || now - last.at >= keepMs || now < last.at) last = { at: now, ready: check() }
    return last.ready
  }

  async function check(): Promise<boolean> {
    const current = await within(gate.standing.current())
    if (current === null || !current.ok) return unready('cannot decide', { reason: current === null ? 'timeout' : current.refusal.reason })
    const recorded = await within(ports.ledger.get(ports.id('evt')).then(() => true))        // an id nothing was stored under: the read is what counts
    if (recorded === null) return unready('cannot record', {})
    const lost = gate.recorder.lost()
    if (lost !== null && ports.now() - lost < lostMs) return unready('cannot record', { lost: new Date(lost).toISOString() })
    const connections = [...current.value.policy.connections.values()]
    const reached = await Promise.all(connections.map(async (connection) => ({ name: connection.name, up: await reaches(connection) })))
    const down = reached.filter((target) => !target.up).map((target) => target.name)
    if (down.length > 0) ports.alarm('targets do not answer', { connections: down })
    return down.length === 0 || down.length < reached.length                                // one target down must not take the others out of service
  }

  async function reaches(connection: ConnectionDocument): Promise<boolean> {
    const ask = async () => {
      const engine = engineOf(ports, connection)
      await (engine.ping ? engine.ping(connection) : engine.inspect(connection, []))
      return true
    }
    return await within(ask()) !== null
  }

  function unready(what: string, detail: Readonly<Record<string, unknown>>): false {
    ports.alarm(what, detail)
    return false
  }
  return { ready }
}

/** null: it failed or took longer than a load balancer waits. */
async function within<T>(work: Promise<T>): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<null>((resolve) => { timer = setTimeout(() => resolve(null), patienceMs) })
  try {
    return await Promise.race([work.catch(() => null), late])
  } finally {
    clearTimeout(timer)
  }
}
