import type { Limits } from '../../schema/effects.ts'
import type { ConnectionDocument, LimitsDocument } from '../../schema/policy.ts'

const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const

/** `30m` → 1 800 000. The schema has checked the form; anything else is a bug and gives NaN to nobody. */
export function durationMs(text: string): number {
  const found = /^([0-9]+)(ms|s|m|h)$/.exec(text)
  if (!found) throw new TypeError(`\`${text}\` is no duration`)
  return Number(found[1]) * unitMs[found[2] as keyof typeof unitMs]
}

/** What a connection grants where its document is silent: 1000 rows, 1 MiB, 10 s, 100 rows changed. */
const defaults = { rows: 1000, bytes: 1_048_576, timeout: '10s', affected: 100 } as const

/** The document with every default written out, so that no reader has to know them. */
export function withDefaults(document: ConnectionDocument): ConnectionDocument {
  return {
    ...document,
    searchPath: document.searchPath ?? ['public'],
    classify: document.classify ?? {},
    mask: { '*': 'redact', ...document.mask },
    detect: document.detect ?? [],
    limits: { ...defaults, ...document.limits },
  }
}

/** Sluice's own resources have no document; nothing there reads rows. */
export const connectionLimits = (document: ConnectionDocument | null): Limits => narrow(unbounded, { ...defaults, ...document?.limits })

const unbounded: Limits = {
  rows: Infinity, bytes: Infinity, timeoutMs: Infinity, affected: Infinity, statementsPerHour: null, rowsPerHour: null,
}

/** What a rule grants of what its connection grants: what it does not mention is the connection's, and it never goes past it. */
export function narrow(base: Limits, document: LimitsDocument | null): Limits {
  if (!document) return base
  return narrowest(base, {
    rows: document.rows ?? Infinity, bytes: document.bytes ?? Infinity,
    timeoutMs: document.timeout === undefined ? Infinity : durationMs(document.timeout), affected: document.affected ?? Infinity, ...(document.cost === undefined ? {} : { cost: document.cost }),
    statementsPerHour: document.perHour?.statements ?? null, rowsPerHour: document.perHour?.rows ?? null,
  })
}

/** For accesses that must all hold. */
export const narrowest = (a: Limits, b: Limits): Limits => (a === b ? a : merge(a, b, Math.min))
/** For rules of which any one is enough. null (no hourly budget) is the widest. */
export const widest = (a: Limits, b: Limits): Limits => (a === b ? a : merge(a, b, Math.max))

function merge(a: Limits, b: Limits, pick: (x: number, y: number) => number): Limits {
  const budget = (x: number | null, y: number | null) => {
    const picked = pick(x ?? Infinity, y ?? Infinity)
    return picked === Infinity ? null : picked
  }
  const cost = pick(a.cost ?? Infinity, b.cost ?? Infinity)
  return {
    ...(cost === Infinity ? {} : { cost }),
    rows: pick(a.rows, b.rows), bytes: pick(a.bytes, b.bytes), timeoutMs: pick(a.timeoutMs, b.timeoutMs), affected: pick(a.affected, b.affected),
    statementsPerHour: budget(a.statementsPerHour, b.statementsPerHour), rowsPerHour: budget(a.rowsPerHour, b.rowsPerHour),
  }
}
