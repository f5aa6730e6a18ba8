import type { Table } from './engine.ts'

/** A corner of the demo's shop, with its names. The canaries are what must never be seen where it is masked or not allowed. */
export const canary = { ssn: '078-05-1120', email: 'jane.canary@example.com', pay: '918273.00' } as const
const customer = { phone: null, birth_date: null, tier: 'basic', country: 'FR', email: null, ssn: null }
export const tables: Readonly<Record<string, Table>> = {
  'public.customers': {
    columns: { id: 'int4', name: 'text', email: 'text', ssn: 'text', phone: 'text', birth_date: 'date', country: 'text', tier: 'text' },
    rows: [
      { ...customer, id: 1, name: 'Jane Canary', email: canary.email, ssn: canary.ssn, country: 'DE' },
      { ...customer, id: 2, name: 'Ann \u001b[31mRed', email: 'ann@example.com', ssn: '219-09-9999' },
      { ...customer, id: 3, name: 'Bo \u202eevil' },
    ],
  },
  'public.orders': {
    columns: { id: 'int4', customer_id: 'int4', status: 'text', total: 'numeric' },
    rows: [{ id: 1, customer_id: 1, status: 'paid', total: '12.50' }, { id: 2, customer_id: 2, status: 'new', total: '3.00' }],
  },
  'public.order_items': { columns: { order_id: 'int4', line: 'int4' }, rows: [] },
  'public.products': { columns: { id: 'int4', sku: 'text' }, rows: [] },
  'public.refunds': { columns: { id: 'int4', order_id: 'int4', amount: 'numeric', reason: 'text', status: 'text' }, rows: [] },
  'public.payments': { columns: { id: 'int4', order_id: 'int4', card_number: 'text', card_expiry: 'text' }, rows: [] },
  'public.events': { columns: { id: 'int8' }, rows: [] },
  'public.customer_contacts': { columns: { id: 'int4', name: 'text' }, rows: [] },
  'public.order_total': { columns: {}, rows: [] },
  'audit.changes': { columns: { id: 'int8', change: 'jsonb' }, rows: [] },
  'payroll.salaries': { columns: { employee_id: 'int4', ssn: 'text', iban: 'text', amount: 'numeric' }, rows: [{ employee_id: 1, ssn: '1', iban: '2', amount: canary.pay }] },
}
