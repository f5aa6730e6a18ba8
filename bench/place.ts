import { startPlace } from '../test/support/local.ts'

/** The servers behind what is measured, in a process of their own so that their CPU counts for nobody: PostgreSQL, Neon's endpoint, DynamoDB. */
const { place } = await startPlace({
  settings: { synchronous_commit: 'off' },
  schema: `
    CREATE TABLE public.orders (id int PRIMARY KEY, customer_id int NOT NULL, status text NOT NULL, total numeric NOT NULL, placed_at timestamptz NOT NULL, note text);
    INSERT INTO public.orders SELECT n, n % 997, 'paid', n * 1.25, '2026-01-01T00:00:00Z'::timestamptz + n * interval '1 minute', 'left at the door' FROM generate_series(1, 20000) AS n;
    CREATE TABLE public.customers (id int PRIMARY KEY, name text, email text);
    INSERT INTO public.customers SELECT n, 'customer ' || n, 'customer' || n || '@example.com' FROM generate_series(1, 1000) AS n;
    CREATE ROLE w LOGIN PASSWORD 'x'; CREATE ROLE r LOGIN PASSWORD 'x'; CREATE ROLE p LOGIN PASSWORD 'x';
    GRANT SELECT ON ALL TABLES IN SCHEMA public TO w, r; GRANT SELECT ON public.orders TO p; GRANT SELECT (id, name) ON public.customers TO p; ANALYZE;`,
  documents: [
    {
      version: 1, kind: 'connection', name: 'shop', engine: 'postgres', secrets: { write: 'shop-write', read: 'shop-read', plain: 'shop-plain' },
      classify: { 'public.customers.email': 'pii.email' }, mask: { 'pii.email': 'email' }, detect: ['credit-card', 'us-ssn', 'email', 'iban', 'secret'],
    },
    { version: 1, kind: 'role', name: 'reader', members: [{ group: 'readers' }], rules: [{ allow: ['select'], connection: 'shop', on: ['public.orders', 'public.customers'] }] },
  ],
})
process.send?.(place)
setInterval(() => { if (process.ppid === 1) process.exit(0) }, 1000)
