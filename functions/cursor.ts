import type { Caller } from '../schema/caller.ts'
import type { Ports } from './ports.ts'
import { open, seal } from './sealed.ts'

const use = 'sluice cursor'

/**
 * The place in a list of which its reader sees less than is read for it: a store's own cursor names what comes next, whosever that is. Sealed for its reader: nobody reads it, writes one by hand, or goes on with another's.
 */
export const sealCursor = (ports: Pick<Ports, 'secrets'>, reader: Caller, cursor: string): Promise<string> => seal(ports, use, aboutOf(reader), cursor)

/** null: not one that this reader was given, or under a key since replaced. */
export const openCursor = (ports: Pick<Ports, 'secrets'>, reader: Caller, sealed: string): Promise<string | null> => open(ports, use, aboutOf(reader), sealed)

const aboutOf = ({ issuer, subject, actors }: Caller): string => JSON.stringify([issuer, subject.id, actors.map(({ id }) => id)])
