import type { Table } from './engine.ts'

/** A corner of the demo's shop. The canaries are what must never be seen masked or not allowed. */
export const canary = { ssn: '078-05-1120', email: 'jane.canary@example.com', salary: '918273' } as const
export const tables: Readonly<Record<string, Table>> = {
  'public.customers': {
    columns: { id: 'int8', name: 'text', email: 'text', ssn: 'text', country: 'text' },
    rows: [
      { id: '1', name: 'Jane Canary', email: canary.email, ssn: canary.ssn, country: 'DE' },
      { id: '2', name: 'Ann \u001b[31mRed', email: 'ann@example.com', ssn: '219-09-9999', country: 'FR' },
      { id: '3', name: 'Bo \u202eevil', email: null, ssn: null, country: 'FR' },
    ],
  },
  'public.orders': { columns: { id: 'int8', customer_id: 'int8', status: 'text', total: 'numeric' }, rows: [{ id: '10', customer_id: '1', status: 'paid', total: '12.50' }, { id: '11', customer_id: '2', status: 'open', total: '3.00' }] },
  'public.order_items': { columns: { order_id: 'int8', sku: 'text' }, rows: [] },
  'public.refunds': { columns: { id: 'int8', order_id: 'int8', amount: 'numeric', reason: 'text' }, rows: [] },
  'public.payments': { columns: { id: 'int8', card_number: 'text' }, rows: [] },
  'payroll.salaries': { columns: { employee_id: 'int8', salary: 'numeric' }, rows: [{ employee_id: '1', salary: canary.salary }] },
}
