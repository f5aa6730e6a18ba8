import type { Caller } from '../../schema/caller.ts'
import type { ActionName } from '../../schema/policy.ts'
import type { Decision } from '../permit.ts'
import { decide } from './decide.ts'
import type { Context } from './condition.ts'
import type { Policy } from './policy.ts'

/** The gate's own resources: connection `sluice`. */
export type OwnResource = 'audit' | 'policy' | 'locks'

export function decideOwn(policy: Policy, caller: Caller, action: Extract<ActionName, 'read' | 'apply' | 'set'>, resource: OwnResource, context: Context): Decision {
  const access = { action, resource, columns: null, system: false, via: [], statement: 0, span: null }
  return decide(policy, { caller, connection: 'sluice', effects: { accesses: [access], shown: [], used: [], readOnly: action === 'read', fingerprint: '' }, reveal: [], context })
}

/**
 * Whether the caller could apply a policy again once this one is in force, if only by asking. false: applying it locks its author out, which
 * wants `--lockout`. `time`: epoch ms, for rules whose condition reads it.
 */
export const canApply = (policy: Policy, caller: Caller, time: number): boolean =>
  decideOwn(policy, caller, 'apply', 'policy', { purpose: null, session: null, time }).kind !== 'deny'
