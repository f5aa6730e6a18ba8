import { createAdministration } from './administer.ts'
import { createAudit } from './audit.ts'
import { createErasure, erasureFilters, sessionErasureFilters } from './erase.ts'
import type { Gate } from './gate.ts'
import { createGrants } from './grants.ts'
import { createLocking } from './locking.ts'
import { createLogReader } from './log.ts'
import type { Own } from './own.ts'
import type { Ports } from './ports.ts'
import { createReplay, sessionFilters } from './replay.ts'
import { createSlack, type RejectFromChat } from './slack.ts'

/** What people and operators ask of the gate, beside its statements: its record and log, its policy and locks, and what is pressed in chat. Few calls are of these, so app.ts reads all of it with the first. */
export const createOffice = (ports: Ports, gate: Gate, own: Own, reject: RejectFromChat) => ({
  audit: createAudit(ports, own), replay: { ...createReplay(ports, own), filters: sessionFilters }, log: createLogReader(ports, own),
  erasure: { ...createErasure(ports, own), filters: erasureFilters, sessionFilters: sessionErasureFilters },
  administration: createAdministration(ports, own), grants: createGrants(ports, own), locking: createLocking(ports, own),
  pressed: createSlack(ports, reject, gate.standing.current),
})
