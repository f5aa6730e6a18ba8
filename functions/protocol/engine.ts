import type { ConnectionDocument } from '../../schema/policy.ts'
import { Fault, type Ports } from '../ports.ts'
import type { Protocol } from './protocol.ts'

/** The engine of a connection. Throws Fault target-unavailable where this assembly was built without it. */
export function engineOf({ engines }: Pick<Ports, 'engines'>, { name, engine }: Pick<ConnectionDocument, 'name' | 'engine'>): Protocol {
  const found = engines[engine]
  if (!found) throw new Fault('target-unavailable', `connection \`${name}\` is of engine \`${engine}\`, which this assembly does not have`)
  return found
}
