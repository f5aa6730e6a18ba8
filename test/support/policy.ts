import type { PolicyDocument } from '../../schema/policy.ts'

/** A small policy with the demo's cast (CONTRACT.md section 1), for tests that must not depend on the demo's own files. */
export const demo: Readonly<Record<string, PolicyDocument>> = {
  'shop.yaml': {
    version: 1, kind: 'connection', name: 'shop', engine: 'postgres', secrets: { write: 'shop-write', read: 'shop-read', plain: 'shop-plain' }, searchPath: ['public'],
    classify: { 'public.customers.email': 'pii.email', 'public.customers.ssn': 'pii.ssn', 'public.payments.card_number': 'pci.pan' },
    mask: { 'pii.email': 'email', 'pci.pan': 'last4', '*': 'redact' }, limits: { rows: 100, timeout: '10s', affected: 10, perHour: { statements: 50, rows: 1000 } },
  },
  'hidden.yaml': { version: 1, kind: 'connection', name: 'hidden', engine: 'postgres', secret: 'hidden-database' },
  'roles/support-agent.yaml': {
    version: 1, kind: 'role', name: 'support-agent', members: [{ group: 'support-agents' }],
    rules: [
      { allow: ['select'], connection: 'shop', on: ['public.orders', 'public.order_items', 'public.customers', 'public.refunds'] },
      { allow: ['insert', 'update'], connection: 'shop', on: ['public.refunds'], approval: { by: ['support-leads'], quorum: 1, within: '30m' } },
      { deny: ['*'], connection: 'shop', on: ['payroll.*'] },
    ],
  },
  'roles/analyst.yaml': {
    version: 1, kind: 'role', name: 'analyst', members: [{ group: 'analysts' }],
    rules: [{ allow: ['select'], connection: 'shop', on: ['public.*'] }, { allow: ['insert'], connection: 'shop', on: ['public.orders'] }],
  },
  'roles/platform.yaml': {
    version: 1, kind: 'role', name: 'platform', members: [{ group: 'platform' }],
    rules: [{ allow: ['apply', 'read'], connection: 'sluice', on: ['policy'] }, { allow: ['set'], connection: 'sluice', on: ['locks'] }],
  },
  'roles/auditor.yaml': { version: 1, kind: 'role', name: 'auditor', members: [{ group: 'auditors' }], rules: [{ allow: ['read'], connection: 'sluice', on: ['audit'] }] },
}
