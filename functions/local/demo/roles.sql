-- The second wall: three accounts the gate connects as, none of which owns anything, may create anything or run what reaches past the tables.
-- shop_write may change the shop's tables; shop_read may read; shop_plain may read what no data class is on. Passwords are set at every start.
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'shop_owner') THEN
    CREATE ROLE shop_owner NOLOGIN;
    CREATE ROLE shop_write LOGIN NOINHERIT CONNECTION LIMIT 30;
    CREATE ROLE shop_read LOGIN NOINHERIT CONNECTION LIMIT 30;
    CREATE ROLE shop_plain LOGIN NOINHERIT CONNECTION LIMIT 30;
  END IF;
  EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO shop_write, shop_read, shop_plain', current_database());
END $$;
ALTER ROLE shop_write SET statement_timeout = '30s';
ALTER ROLE shop_write SET lock_timeout = '5s';
ALTER ROLE shop_write SET idle_in_transaction_session_timeout = '30s';
ALTER ROLE shop_read SET statement_timeout = '30s';
ALTER ROLE shop_read SET lock_timeout = '5s';
ALTER ROLE shop_read SET idle_in_transaction_session_timeout = '30s';
ALTER ROLE shop_read SET default_transaction_read_only = on;
ALTER ROLE shop_plain SET statement_timeout = '30s';
ALTER ROLE shop_plain SET lock_timeout = '5s';
ALTER ROLE shop_plain SET idle_in_transaction_session_timeout = '30s';
ALTER ROLE shop_plain SET default_transaction_read_only = on;

-- Nobody logs in as the owner, and neither is the superuser it: a view or function of the shop reaches what the shop reaches.
DO $$
DECLARE it record;
BEGIN
  FOR it IN SELECT format('ALTER %s %s OWNER TO shop_owner', CASE relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, c.oid::regclass) AS sql
    FROM pg_catalog.pg_class AS c WHERE relnamespace IN ('public'::regnamespace, 'audit'::regnamespace, 'payroll'::regnamespace) AND relkind IN ('r', 'p', 'v')
  LOOP EXECUTE it.sql; END LOOP;
END $$;
ALTER FUNCTION public.order_total(integer) OWNER TO shop_owner;
ALTER FUNCTION audit.keep_customer() OWNER TO shop_owner;
ALTER SCHEMA audit OWNER TO shop_owner;
ALTER SCHEMA payroll OWNER TO shop_owner;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO shop_owner;

GRANT USAGE ON SCHEMA public, audit, payroll TO shop_write, shop_read;
GRANT SELECT ON ALL TABLES IN SCHEMA public, audit, payroll TO shop_write, shop_read;
GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO shop_write;
REVOKE INSERT, UPDATE, DELETE ON public.customer_contacts FROM shop_write;
GRANT EXECUTE ON FUNCTION public.order_total(integer) TO shop_write, shop_read, shop_plain;

GRANT USAGE ON SCHEMA public, audit TO shop_plain;
GRANT SELECT ON public.products, public.orders, public.order_items, public.refunds, public.events, audit.logins TO shop_plain;
GRANT SELECT (id, name, country, tier, tags, preferences, credit_limit, marketing, notes, created_at, deleted_at) ON public.customers TO shop_plain;
GRANT SELECT (id, order_id, method, amount, status, processed_at) ON public.payments TO shop_plain;
GRANT SELECT (id, name, country) ON public.customer_contacts TO shop_plain;
GRANT SELECT (id, at, actor, relation, row_id) ON audit.changes TO shop_plain;

-- What PUBLIC may run or read by default and a target of agents should not offer: other sessions' statements, statistics that hold values,
-- large objects, locks that outlive a transaction, messages to others, other backends, and queries hidden in strings.
REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC;
REVOKE SELECT ON pg_catalog.pg_stats, pg_catalog.pg_stats_ext, pg_catalog.pg_stats_ext_exprs, pg_catalog.pg_stat_activity, pg_catalog.pg_largeobject_metadata FROM PUBLIC;
DO $$
DECLARE it record;
BEGIN
  FOR it IN SELECT p.oid::regprocedure AS call FROM pg_catalog.pg_proc AS p WHERE pronamespace = 'pg_catalog'::regnamespace AND prokind = 'f'
    AND proname ~ '^(lo_.*|lo(read|write)|pg_(try_)?advisory_(x?act_)?(un)?lock.*|pg_advisory_unlock.*|pg_(cancel|terminate)_backend|pg_notify|pg_sleep.*|pg_export_snapshot|pg_logical_emit_message|pg_stat_get_(activity|backend_activity.*)|(query|table|cursor|schema|database)_to_xml.*|ts_stat|ts_rewrite|pg_get_wal.*|pg_stat_reset.*)$'
  LOOP EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', it.call); END LOOP;
END $$;
