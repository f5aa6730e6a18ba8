-- The demo's billing, on MariaDB or MySQL. What holds a person's or a bank's data: customers.email, tax_id, phone; payments.iban, card_number. Free text (invoices.memo, credits.reason, customers.notes) hides some more.
CREATE DATABASE billing CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
USE billing;
CREATE TABLE customers (
  id int NOT NULL AUTO_INCREMENT PRIMARY KEY, name varchar(80) NOT NULL, email varchar(120), phone varchar(30), tax_id varchar(30), country char(2) NOT NULL, plan enum('free', 'team', 'business') NOT NULL DEFAULT 'free',
  settings json, notes text, created_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP, INDEX (country)
);
CREATE TABLE invoices (
  id int NOT NULL AUTO_INCREMENT PRIMARY KEY, number varchar(20) NOT NULL UNIQUE, customer_id int NOT NULL, status enum('draft', 'open', 'paid', 'void') NOT NULL DEFAULT 'open', currency char(3) NOT NULL DEFAULT 'EUR',
  total decimal(12,2) NOT NULL, issued_on date NOT NULL, due_on date NOT NULL, paid_at datetime, memo text, revision int NOT NULL DEFAULT 0,
  FOREIGN KEY (customer_id) REFERENCES customers (id), INDEX (customer_id), INDEX (status, due_on)
);
CREATE TABLE payments (
  id bigint NOT NULL AUTO_INCREMENT PRIMARY KEY, invoice_id int NOT NULL, method enum('card', 'transfer') NOT NULL, iban varchar(34), card_number varchar(20), amount decimal(12,2) NOT NULL, received_at datetime(3) NOT NULL,
  FOREIGN KEY (invoice_id) REFERENCES invoices (id), INDEX (invoice_id)
);
CREATE TABLE credits (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, invoice_id int NOT NULL, amount decimal(12,2) NOT NULL, reason varchar(200), created_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE journal (id bigint NOT NULL AUTO_INCREMENT PRIMARY KEY, at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP, what varchar(80) NOT NULL, invoice_id int NOT NULL);

INSERT INTO customers (name, email, phone, tax_id, country, plan, settings, notes)
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 600)
SELECT CONCAT(ELT(1 + i % 8, 'Nordwind', 'Harbor', 'Lumen', 'Castell', 'Tern', 'Quarry', 'Saffron', 'Birch'), ' ', ELT(1 + i DIV 8 % 6, 'GmbH', 'Ltd', 'SA', 'AB', 'BV', 'Oy')),
  CONCAT(ELT(1 + i % 5, 'accounts', 'finance', 'office', 'billing', 'hello'), i, '@', ELT(1 + i % 8, 'nordwind', 'harbor', 'lumen', 'castell', 'tern', 'quarry', 'saffron', 'birch'), '.example'),
  CONCAT('+49 30 ', LPAD(i * 7919 % 1000000, 7, '0')), CONCAT(ELT(1 + i % 4, 'DE', 'FR', 'SE', 'NL'), LPAD(i * 104729 % 1000000000, 9, '0')), ELT(1 + i % 4, 'DE', 'FR', 'SE', 'NL'), ELT(1 + i % 3, 'free', 'team', 'business'),
  JSON_OBJECT('seats', 1 + i % 40, 'reminders', i % 2 = 0), IF(i % 50 = 0, CONCAT('invoices also to owner', i, '@private.example'), NULL) FROM n;
INSERT INTO invoices (number, customer_id, status, total, issued_on, due_on, paid_at, memo)
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900)
SELECT CONCAT('2026-', LPAD(i, 5, '0')), 1 + i * 31 % 600, ELT(1 + i % 4, 'paid', 'paid', 'open', 'void'), ROUND(20 + (i * 37 % 50000) / 10, 2), DATE('2026-01-01') + INTERVAL i % 300 DAY, DATE('2026-01-31') + INTERVAL i % 300 DAY,
  IF(i % 4 < 2, TIMESTAMP('2026-01-20 09:00:00') + INTERVAL i % 300 DAY, NULL), IF(i % 90 = 0, 'customer read card 4111 1111 1111 1111 out on the phone', NULL) FROM n;
INSERT INTO payments (invoice_id, method, iban, card_number, amount, received_at)
SELECT id, IF(id % 8 = 0, 'card', 'transfer'), IF(id % 8 = 0, NULL, CONCAT('DE', LPAD(10 + id % 89, 2, '0'), LPAD(id * 15485863 % 1000000000, 18, '3'))), IF(id % 8 = 0, CONCAT('411111111111', LPAD(id % 10000, 4, '0')), NULL), total, paid_at
FROM invoices WHERE status = 'paid';

-- Nobody logs in as the owner: what a view, trigger or function of billing reaches is billing.
CREATE USER IF NOT EXISTS 'billing_owner'@'127.0.0.1' ACCOUNT LOCK;
GRANT SELECT, INSERT, UPDATE, DELETE, EXECUTE, TRIGGER ON billing.* TO 'billing_owner'@'127.0.0.1';
CREATE DEFINER = 'billing_owner'@'127.0.0.1' VIEW open_balances AS
  SELECT c.id AS customer_id, c.name AS name, c.email AS email, i.number AS number, i.total AS total, i.due_on AS due_on FROM customers AS c JOIN invoices AS i ON i.customer_id = c.id WHERE i.status = 'open';
CREATE DEFINER = 'billing_owner'@'127.0.0.1' TRIGGER credits_journal AFTER INSERT ON credits FOR EACH ROW INSERT INTO journal (what, invoice_id) VALUES (CONCAT('credit of ', NEW.amount), NEW.invoice_id);
CREATE DEFINER = 'billing_owner'@'127.0.0.1' FUNCTION net_total (invoice int) RETURNS decimal(12,2) READS SQL DATA
  RETURN (SELECT i.total - COALESCE((SELECT SUM(c.amount) FROM credits AS c WHERE c.invoice_id = i.id), 0) FROM invoices AS i WHERE i.id = invoice);
