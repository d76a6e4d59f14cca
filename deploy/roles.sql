-- The database roles. Run inside the application's database by a role that may create roles (no superuser
-- is needed: rds_superuser will do). It may be run again. It sets no passwords: give each LOGIN role its
-- own afterwards (ALTER ROLE … PASSWORD …, or IAM authentication).
--
--   commerce_owner     migrates; owns the tables; sees no tenant's rows (FORCE ROW LEVEL SECURITY)
--   commerce_app       web and workers: one tenant at a time
--   commerce_relay     the relay: the outbox of all tenants, and nothing else
--   commerce_platform  operators' commands, audited
--   commerce_reader    nobody logs in as it; owns the search views
DO $$
DECLARE
  login_role text;
BEGIN
  FOREACH login_role IN ARRAY ARRAY['commerce_owner', 'commerce_app', 'commerce_relay', 'commerce_platform'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = login_role) THEN
      EXECUTE format('CREATE ROLE %I LOGIN NOINHERIT', login_role);
    END IF;
  END LOOP;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'commerce_reader') THEN
    CREATE ROLE commerce_reader NOLOGIN NOINHERIT;
  END IF;
END $$;

-- Data migrations run as the application, one tenant at a time (SET LOCAL ROLE); NOINHERIT keeps the
-- application's policies from applying to the owner otherwise. Views are handed to the reader.
GRANT commerce_app, commerce_reader TO commerce_owner;
-- What an operator's command does for one tenant it does as the application, with that tenant's rows in reach.
GRANT commerce_app TO commerce_platform;

ALTER ROLE commerce_owner SET timezone = 'UTC';
ALTER ROLE commerce_owner SET lock_timeout = '5s';
ALTER ROLE commerce_owner SET idle_in_transaction_session_timeout = '60s';
ALTER ROLE commerce_app SET timezone = 'UTC';
ALTER ROLE commerce_app SET statement_timeout = '30s';
ALTER ROLE commerce_app SET lock_timeout = '5s';
ALTER ROLE commerce_app SET idle_in_transaction_session_timeout = '60s';
-- Requests are many and short: starting a parallel worker takes longer than what they read.
ALTER ROLE commerce_app SET max_parallel_workers_per_gather = 0;
ALTER ROLE commerce_relay SET timezone = 'UTC';
ALTER ROLE commerce_relay SET statement_timeout = '30s';
ALTER ROLE commerce_relay SET lock_timeout = '5s';
ALTER ROLE commerce_relay SET idle_in_transaction_session_timeout = '60s';
ALTER ROLE commerce_platform SET timezone = 'UTC';
ALTER ROLE commerce_platform SET statement_timeout = '10min';
ALTER ROLE commerce_platform SET lock_timeout = '5s';
ALTER ROLE commerce_platform SET idle_in_transaction_session_timeout = '60s';

DO $$
BEGIN
  EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO commerce_owner, commerce_app, commerce_relay, commerce_platform',
                 current_database());
  -- Imports COPY into a temporary table that is dropped on commit.
  EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO commerce_app', current_database());
END $$;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO commerce_owner;
GRANT USAGE ON SCHEMA public TO commerce_app, commerce_relay, commerce_platform;
GRANT USAGE, CREATE ON SCHEMA public TO commerce_reader;
