-- The second wall of billing: three accounts the gate connects as, none of which may change what tables are. Passwords are set at every start. The one that writes sees triggers and views' texts: the catalog is read as it.
CREATE USER IF NOT EXISTS 'billing_write'@'127.0.0.1', 'billing_read'@'127.0.0.1', 'billing_plain'@'127.0.0.1';
GRANT SELECT, INSERT, UPDATE, DELETE, SHOW VIEW, TRIGGER, EXECUTE ON billing.* TO 'billing_write'@'127.0.0.1';
GRANT SELECT, SHOW VIEW ON billing.* TO 'billing_read'@'127.0.0.1';
GRANT EXECUTE ON FUNCTION billing.net_total TO 'billing_read'@'127.0.0.1', 'billing_plain'@'127.0.0.1';
GRANT SELECT ON billing.invoices TO 'billing_plain'@'127.0.0.1';
GRANT SELECT ON billing.credits TO 'billing_plain'@'127.0.0.1';
GRANT SELECT ON billing.journal TO 'billing_plain'@'127.0.0.1';
GRANT SELECT (id, name, country, plan, settings, notes, created_at) ON billing.customers TO 'billing_plain'@'127.0.0.1';
GRANT SELECT (id, invoice_id, method, amount, received_at) ON billing.payments TO 'billing_plain'@'127.0.0.1';
GRANT SELECT (customer_id, name, number, total, due_on) ON billing.open_balances TO 'billing_plain'@'127.0.0.1';
