import type { Effects, Obligations } from '../../schema/effects.ts'
import type { Permit } from '../permit.ts'

/**
 * The only maker of Permits. A Permit is known by identity, not by shape: one that was built, copied or parsed elsewhere is none. Only decide.ts
 * may call `makePermit`; a test holds that.
 */
const made = new WeakSet<object>()

export function makePermit(effects: Effects, obligations: Obligations): Permit {
  const permit = Object.freeze({ effects: bind(effects), obligations: freeze(obligations) }) as Permit
  made.add(permit)
  return permit
}

/** What every `execute` and `mask` asks first. */
export const isPermit = (value: unknown): value is Permit => typeof value === 'object' && value !== null && made.has(value)

/** What was decided on is what runs: nothing can be added to it afterwards. */
function bind(effects: Effects): Effects {
  Object.freeze(effects.accesses)
  Object.freeze(effects.shown)
  Object.freeze(effects.used)
  return Object.freeze(effects)
}

/** So that nobody who holds the Permit can lift a mask or a limit of it. */
function freeze(obligations: Obligations): Obligations {
  Object.freeze(obligations.masks)
  Object.freeze(obligations.limits)
  Object.freeze(obligations.revealed)
  Object.freeze(obligations.detect)
  return Object.freeze(obligations)
}
