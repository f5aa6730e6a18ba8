import { decide, type Asked } from '../../functions/decide/decide.ts'
import { compile } from '../../functions/decide/compile.ts'
import type { Policy } from '../../functions/decide/policy.ts'
import type { Decision } from '../../functions/permit.ts'
import type { Caller, Principal } from '../../schema/caller.ts'
import type { Access, Effects, Shown, Used } from '../../schema/effects.ts'
import { policyDocument, type PolicyDocument } from '../../schema/policy.ts'

/** A shop with a few classified columns, and whatever roles a test writes. */
export const shop = (more: object = {}) => ({
  version: 1, kind: 'connection', name: 'shop', engine: 'postgres', secrets: { read: 'shop-read' },
  classify: { 'public.customers.email': 'pii.email', 'public.customers.ssn': 'pii.ssn', 'public.payments.card_number': 'pci.pan' },
  mask: { 'pii.email': 'email', 'pci.pan': 'last4' }, ...more,
})
export const role = (name: string, rules: readonly object[], members: readonly object[] = [{ group: name }]) =>
  ({ version: 1, kind: 'role', name, members, rules: rules.map((rule) => ({ connection: 'shop', ...rule })) })
export const document = (value: unknown): PolicyDocument => policyDocument.parse(value)
export const policyOf = (...documents: readonly unknown[]): Policy => compile({ documents: documents.map((value, i) => ({ path: `${i}.yaml`, document: document(value) })) })

export const principal = (id: string, ...groups: readonly string[]): Principal => ({ id, kind: id.startsWith('user:') ? 'user' : 'agent', groups })
export const callerOf = (subject: Principal, ...actors: readonly Principal[]): Caller =>
  ({ issuer: 'test', subject, actors, person: subject.kind === 'user' && actors.length === 0, claims: { level: 3 }, expiresAt: 4e12 })
export const agent = (...groups: readonly string[]): Caller => callerOf(principal('agent:bot', ...groups))

export const access = (action: Access['action'], resource: string, columns: readonly string[] | null = action === 'select' ? ['id'] : null, more: Partial<Access> = {}): Access =>
  ({ action, resource, columns, system: false, via: [], statement: 0, span: { start: 7, end: 9 }, ...more })
export const shows = (name: string, dataClass: string, output = 0): Shown => ({ ...split(name), dataClass, statement: 0, span: null, output })
export const uses = (name: string, dataClass: string): Used => ({ ...split(name), dataClass, statement: 0, span: { start: 3, end: 4 }, how: 'in a where clause' })
const split = (name: string) => ({ resource: name.split('.').slice(0, 2).join('.'), column: name.split('.')[2] ?? '' })
export const effects = (accesses: readonly Access[], more: Partial<Effects> = {}): Effects => ({ accesses: [...accesses], shown: [], used: [], readOnly: false, fingerprint: 'f', ...more })

export const ask = (policy: Policy, caller: Caller, what: Effects | readonly Access[], more: Partial<Asked> = {}): Decision => decide(policy, {
  caller, connection: 'shop', effects: 'accesses' in what ? what : effects(what), reveal: [], context: { purpose: null, session: null, time: Date.UTC(2026, 0, 5, 12) }, ...more,
})
/** `permit`, `ask` or the reason of the refusal. */
export const verdict = (decision: Decision): string => (decision.kind === 'deny' ? decision.refusal.reason : decision.kind)
export const obligations = (decision: Decision) => {
  if (decision.kind === 'deny') throw new Error(`denied: ${decision.refusal.detail}`)
  return decision.kind === 'permit' ? decision.permit.obligations : decision.obligations
}
