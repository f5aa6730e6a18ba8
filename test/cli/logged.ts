import { createHints } from '../../functions/hint.ts'
import { createSequencer } from '../../functions/sequence.ts'
import { refusalEvent } from '../contract/ledger.ts'
import { createMemoryLog } from '../support/log.ts'
import { createConsole } from './console.ts'

/** The command line against an app with a log, in memory. `add`: so many events come, and are sequenced. */
export function createLogged() {
  const console = createConsole()
  const { ports, events } = console.world
  const memory = createMemoryLog()
  Object.assign(ports, { log: memory.log })
  const hints = createHints()
  const sequencer = createSequencer({ ...ports, log: memory.log }, hints)
  async function add(count: number): Promise<void> {
    for (let i = 0; i < count; i++) events.push(refusalEvent(ports))
    for (const event of events.slice(-900)) hints.hint(event)
    await sequencer.round()
  }
  return { ...console, memory, add }
}
