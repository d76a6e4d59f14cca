"""`manage.py check_isolation` finds nothing in the migrated database, and each rule finds what breaks it."""

import os
import subprocess
import sys
from io import StringIO

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connections

from commerce.db import isolation
from commerce.db.scope import tenant_scope
from tests.isolation.conftest import undone

APP, OWNER, READER = "commerce_app", "commerce_owner", "commerce_reader"
VIEW = "CREATE VIEW spy AS SELECT tenant_id, id FROM catalog_media WHERE tenant_id = (SELECT current_tenant())"
MODS = "SET LOCAL allow_system_table_mods = on"

# Rule, part of the object's name, the statements that break it.
BREAKS: list[tuple[str, str, list[str]]] = [
    ("table-without-model", "spy", ["CREATE TABLE spy (tenant_id integer NOT NULL)"]),
    ("table-missing", "catalog_variantmedia", ["DROP TABLE catalog_variantmedia"]),
    ("table-missing", "tenant_migration", ["DROP TABLE tenant_migration"]),
    ("table-tenant", "spy", ["CREATE TABLE spy (id integer)"]),
    ("table-tenant", "catalog_media", ["ALTER TABLE catalog_media DROP COLUMN tenant_id CASCADE"]),
    ("table-rls-enabled", "catalog_media", ["ALTER TABLE catalog_media DISABLE ROW LEVEL SECURITY"]),
    ("table-rls-enabled", "spy", ["CREATE TABLE spy PARTITION OF parted FOR VALUES WITH (MODULUS 1, REMAINDER 0)"]),
    ("table-rls-forced", "catalog_media", ["ALTER TABLE catalog_media NO FORCE ROW LEVEL SECURITY"]),
    (
        "table-foreign",
        "spy",
        [
            "CREATE FOREIGN DATA WRAPPER spy",
            "CREATE SERVER spy FOREIGN DATA WRAPPER spy",
            "CREATE FOREIGN TABLE spy (tenant_id integer NOT NULL) SERVER spy",
        ],
    ),
    ("table-owner", "catalog_media", ["ALTER TABLE catalog_media OWNER TO postgres"]),
    ("table-owner", "tenants_tenant", ["ALTER TABLE tenants_tenant OWNER TO postgres"]),
    ("table-rewritten", "catalog_media", ["CREATE RULE spy AS ON DELETE TO catalog_media DO INSTEAD NOTHING"]),
    ("trigger-disabled", "catalog_media", ["ALTER TABLE catalog_media DISABLE TRIGGER ALL"]),
    ("trigger-version", "catalog_media", ["DROP TRIGGER raise_version ON catalog_media"]),
    (
        "trigger-version",
        "catalog_media",
        [
            "DROP TRIGGER raise_version ON catalog_media",
            "CREATE TRIGGER raise_version BEFORE UPDATE OF alt ON catalog_media "
            "FOR EACH ROW EXECUTE FUNCTION raise_version()",
        ],
    ),
    ("schema-unknown", "spy", ["CREATE SCHEMA spy"]),
    ("extension-unknown", "spy", [MODS, "UPDATE pg_extension SET extname = 'spy'"]),
    ("column-tenant", "catalog_media", ["ALTER TABLE catalog_media ALTER COLUMN tenant_id SET DEFAULT 1"]),
    ("column-tenant", "spy", ["CREATE TABLE spy (tenant_id integer)"]),
    ("column-tenant", "spy", ["CREATE TABLE spy (tenant_id bigint NOT NULL)"]),
    ("column-type", "catalog_media.spy", ["ALTER TABLE catalog_media ADD COLUMN spy numeric(10, 2)"]),
    ("column-type", "catalog_media.spy", ["CREATE TYPE kind AS ENUM ('a')", "ALTER TABLE catalog_media ADD spy kind"]),
    ("column-type", "catalog_media.spy", ["CREATE DOMAIN d AS numeric", "ALTER TABLE catalog_media ADD spy d"]),
    ("column-money", "catalog_media.unit_price", ["ALTER TABLE catalog_media ADD unit_price double precision"]),
    ("column-status", "catalog_media.status", ["ALTER TABLE catalog_media ADD status text"]),
    ("column-status", "tenants_tenant.status", ["ALTER TABLE tenants_tenant DROP CONSTRAINT tenant_status"]),
    ("column-counter", "catalog_media.n", ["ALTER TABLE catalog_media ADD n bigint GENERATED ALWAYS AS IDENTITY"]),
    ("column-counter", "catalog_media.n", ["ALTER TABLE catalog_media ADD n bigserial"]),
    ("key-primary", "catalog_media", ["ALTER TABLE catalog_media DROP CONSTRAINT catalog_media_pkey CASCADE"]),
    ("key-primary", "spy", ["CREATE TABLE spy (tenant_id integer, id uuid, PRIMARY KEY (id, tenant_id))"]),
    ("key-unique", "spy", ["CREATE UNIQUE INDEX spy ON tenants_user (id)"]),
    ("key-unique", "spy", ["ALTER TABLE tenants_user ADD CONSTRAINT spy UNIQUE (id, tenant_id)"]),
    ("key-exclusion", "spy", ["ALTER TABLE tenants_user ADD CONSTRAINT spy EXCLUDE USING btree (id WITH =)"]),
    ("index-tenant", "spy", ["CREATE INDEX spy ON catalog_media (url)"]),
    ("index-tenant", "spy", ["CREATE INDEX spy ON catalog_media (url, tenant_id)"]),
    ("index-tenant", "spy", ["CREATE INDEX spy ON catalog_media USING hash (url)"]),
    ("index-expression", "spy", ["CREATE INDEX spy ON catalog_media (tenant_id, lower(url))"]),
    ("index-leakproof", "spy", ["CREATE INDEX spy ON catalog_media (tenant_id, metadata)"]),
    (
        "index-leakproof",
        "spy",
        ["ALTER TABLE catalog_media ADD spy text[]", "CREATE INDEX spy ON catalog_media (tenant_id, spy)"],
    ),
    ("index-unreadable", "spy", ["CREATE INDEX spy ON catalog_media USING gin (metadata)"]),
    (
        "index-invalid",
        "media_of_product",
        [MODS, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'media_of_product'::regclass"],
    ),
    ("constraint-not-valid", "catalog_media", ["ALTER TABLE catalog_media ADD CHECK (position > -9) NOT VALID"]),
    (
        "constraint-not-valid",
        "catalog_media",
        ["ALTER TABLE catalog_media ADD FOREIGN KEY (tenant_id, id) REFERENCES catalog_media NOT VALID"],
    ),
    (
        "reference-composite",
        "catalog_media",
        [
            "ALTER TABLE catalog_product ADD UNIQUE (id)",
            "ALTER TABLE catalog_media ADD FOREIGN KEY (product_id) REFERENCES catalog_product (id)",
        ],
    ),
    (
        "reference-composite",
        "spy",
        [
            "ALTER TABLE catalog_product ADD UNIQUE (id, tenant_id)",
            "CREATE TABLE spy (tenant_id integer, product_id uuid, "
            "FOREIGN KEY (product_id, tenant_id) REFERENCES catalog_product (id, tenant_id))",
        ],
    ),
    (
        "reference-composite",
        "spy",
        [
            "CREATE TABLE spy (tenant_id integer, other_id integer, product_id uuid, "
            "FOREIGN KEY (other_id, product_id) REFERENCES catalog_product (tenant_id, id))"
        ],
    ),
    (
        "reference-to-tenant",
        "tenants_domain",
        [
            "ALTER TABLE tenants_domain ADD channel_id uuid, "
            "ADD FOREIGN KEY (tenant_id, channel_id) REFERENCES tenants_channel (tenant_id, id)"
        ],
    ),
    (
        "reference-action",
        "catalog_product",
        [
            "ALTER TABLE catalog_product ADD FOREIGN KEY (tenant_id, category_id) "
            "REFERENCES catalog_category ON DELETE SET NULL"
        ],
    ),
    ("reference-missing", "catalog_media.product_id", ["{drop_reference}"]),
    ("policy-unlawful", "catalog_media", ["ALTER POLICY tenant ON catalog_media USING (true)"]),
    ("policy-unlawful", "catalog_media", ["ALTER POLICY tenant ON catalog_media WITH CHECK (true)"]),
    (
        "policy-unlawful",
        "catalog_media",
        ["ALTER POLICY tenant ON catalog_media USING (tenant_id = (SELECT current_tenant()) OR current_tenant() = 0)"],
    ),
    ("policy-unlawful", "catalog_media", ["ALTER POLICY tenant ON catalog_media TO commerce_app, commerce_relay"]),
    ("policy-unlawful", "catalog_media", ["CREATE POLICY spy ON catalog_media USING (true)"]),
    ("policy-unlawful", "catalog_media", ["CREATE POLICY spy ON catalog_media TO commerce_owner USING (true)"]),
    ("policy-unlawful", "catalog_media", ["CREATE POLICY spy ON catalog_media TO commerce_relay USING (true)"]),
    (
        "policy-unlawful",
        "catalog_media",
        ["CREATE POLICY spy ON catalog_media FOR ALL TO commerce_reader USING (true)"],
    ),
    ("policy-unlawful", "tenants_tenant", ["CREATE POLICY spy ON tenants_tenant TO commerce_app USING (true)"]),
    ("policy-missing", "catalog_media", ["DROP POLICY tenant ON catalog_media"]),
    ("policy-missing", "catalog_media", ["ALTER POLICY platform ON catalog_media TO commerce_app"]),
    ("policy-missing", "outbox_event", ["DROP POLICY relay ON outbox_event"]),
    ("view-owner", "spy", [VIEW]),
    ("view-owner", "spy", [VIEW, "ALTER VIEW spy OWNER TO commerce_owner"]),
    (
        "view-filter",
        "spy",
        ["CREATE VIEW spy AS SELECT * FROM catalog_media", "ALTER VIEW spy OWNER TO commerce_reader"],
    ),
    ("view-filter", "spy", [f"{VIEW} OR current_tenant() = 0", "ALTER VIEW spy OWNER TO commerce_reader"]),
    ("view-filter", "spy", [f"{VIEW} UNION SELECT 1, NULL", "ALTER VIEW spy OWNER TO commerce_reader"]),
    (
        "view-barrier",
        "spy",
        [VIEW, "ALTER VIEW spy OWNER TO commerce_reader", "ALTER VIEW spy SET (security_barrier = true)"],
    ),
    (
        "function-body",
        "current_tenant",
        ["CREATE OR REPLACE FUNCTION current_tenant() RETURNS integer LANGUAGE sql STABLE AS 'SELECT 1'"],
    ),
    ("function-body", "current_tenant", ["ALTER FUNCTION current_tenant() VOLATILE"]),
    ("function-body", "current_tenant", ["DROP FUNCTION current_tenant() CASCADE"]),
    (
        "function-body",
        "spy.current_tenant",
        ["CREATE SCHEMA spy", "CREATE FUNCTION spy.current_tenant() RETURNS integer LANGUAGE sql AS 'SELECT 1'"],
    ),
    ("function-body", "raise_version", ["ALTER FUNCTION raise_version() SET role = 'postgres'"]),
    ("function-definer", "current_tenant", ["ALTER FUNCTION current_tenant() SECURITY DEFINER"]),
    ("function-leakproof", "raise_version", ["ALTER FUNCTION raise_version() LEAKPROOF"]),
    (
        "function-tenant",
        "spy",
        ["CREATE FUNCTION spy() RETURNS text LANGUAGE sql AS $$ SELECT set_config('app.tenant_id', '1', true) $$"],
    ),
    (
        "function-tenant",
        "spy",
        ["CREATE FUNCTION spy() RETURNS integer LANGUAGE sql SET app.tenant_id = '1' AS 'SELECT 1'"],
    ),
    ("function-language", "spy", ["CREATE FUNCTION spy(integer) RETURNS integer LANGUAGE internal AS 'int4abs'"]),
    ("function-owner", "raise_version", ["ALTER FUNCTION raise_version() OWNER TO postgres"]),
    *[
        ("grant-unlawful", "catalog_media", [f"GRANT {privilege} ON catalog_media TO commerce_app"])
        for privilege in ("TRUNCATE", "REFERENCES", "TRIGGER")
    ],
    ("grant-unlawful", "catalog_media", ["GRANT SELECT ON catalog_media TO commerce_app WITH GRANT OPTION"]),
    ("grant-unlawful", "catalog_media", ["GRANT SELECT ON catalog_media TO PUBLIC"]),
    ("grant-unlawful", "catalog_media", ["GRANT SELECT ON catalog_media TO commerce_relay"]),
    ("grant-unlawful", "catalog_media", ["GRANT UPDATE ON catalog_media TO commerce_reader"]),
    ("grant-unlawful", "catalog_media", ["CREATE ROLE spy", "GRANT SELECT ON catalog_media TO spy"]),
    ("grant-unlawful", "catalog_media.url", ["GRANT SELECT (url) ON catalog_media TO commerce_relay"]),
    ("grant-unlawful", "outbox_event", ["GRANT INSERT ON outbox_event TO commerce_relay"]),
    ("grant-unlawful", "tenants_tenant", ["GRANT UPDATE ON tenants_tenant TO commerce_app"]),
    ("grant-unlawful", "tenants_tenant.name", ["GRANT UPDATE (name) ON tenants_tenant TO commerce_app"]),
    ("grant-unlawful", "tenants_platformaudit", ["GRANT SELECT ON tenants_platformaudit TO commerce_app"]),
    ("grant-unlawful", "tenant_migration", ["GRANT SELECT ON tenant_migration TO commerce_relay"]),
    ("grant-unlawful", "outbox_event_position", ["GRANT UPDATE ON SEQUENCE outbox_event_position TO commerce_app"]),
    ("grant-unlawful", "outbox_event_position", ["GRANT SELECT ON SEQUENCE outbox_event_position TO PUBLIC"]),
    ("grant-unlawful", "spy", [VIEW, "GRANT INSERT ON spy TO commerce_app"]),
    (
        "grant-unlawful",
        "spy",
        ["CREATE MATERIALIZED VIEW spy AS SELECT * FROM catalog_media", "GRANT SELECT ON spy TO commerce_app"],
    ),
    ("grant-container", "public", ["GRANT CREATE ON SCHEMA public TO commerce_app"]),
    ("grant-container", "public", ["GRANT USAGE ON SCHEMA public TO PUBLIC"]),
    ("grant-container", "public", ["GRANT USAGE ON SCHEMA public TO commerce_relay WITH GRANT OPTION"]),
    ("grant-container", "{database}", ["GRANT CREATE ON DATABASE {database} TO commerce_app"]),
    ("grant-container", "{database}", ["GRANT CONNECT ON DATABASE {database} TO PUBLIC"]),
    (
        "grant-default",
        OWNER,
        ["ALTER DEFAULT PRIVILEGES FOR ROLE commerce_owner GRANT SELECT ON TABLES TO commerce_app"],
    ),
    ("role-missing", "commerce_relay", ["ALTER ROLE commerce_relay RENAME TO spy"]),
    *[
        ("role-powers", APP, [f"ALTER ROLE commerce_app {power}"])
        for power in ("SUPERUSER", "BYPASSRLS", "CREATEROLE", "CREATEDB", "REPLICATION")
    ],
    ("role-powers", OWNER, ["ALTER ROLE commerce_owner BYPASSRLS"]),
    ("role-powers", READER, ["ALTER ROLE commerce_reader BYPASSRLS"]),
    ("role-login", READER, ["ALTER ROLE commerce_reader LOGIN"]),
    ("role-login", APP, ["ALTER ROLE commerce_app NOLOGIN"]),
    ("role-inherit", OWNER, ["ALTER ROLE commerce_owner INHERIT"]),
    ("role-inherit", "commerce_platform", ["ALTER ROLE commerce_platform INHERIT"]),
    ("role-member", APP, ["GRANT commerce_relay TO commerce_app"]),
    ("role-member", "commerce_platform", ["GRANT commerce_owner TO commerce_platform"]),
    ("role-member", APP, ["GRANT pg_read_all_data TO commerce_app"]),
    ("role-member", OWNER, ["GRANT commerce_platform TO commerce_owner"]),
    ("role-owns", APP, ["CREATE TABLE spy (id integer)", "ALTER TABLE spy OWNER TO commerce_app"]),
    ("role-owns", APP, ["ALTER FUNCTION raise_version() OWNER TO commerce_app"]),
    ("role-owns", "commerce_relay", ["CREATE SCHEMA spy AUTHORIZATION commerce_relay"]),
    ("role-owns", READER, ["CREATE TABLE spy (id integer)", "ALTER TABLE spy OWNER TO commerce_reader"]),
    ("role-timeouts", APP, ["ALTER ROLE commerce_app RESET statement_timeout"]),
    ("role-timeouts", APP, ["ALTER ROLE commerce_app SET idle_in_transaction_session_timeout = 0"]),
    ("role-timeouts", OWNER, ["ALTER ROLE commerce_owner RESET lock_timeout"]),
    ("role-settings", APP, ["ALTER ROLE commerce_app SET app.tenant_id = '1'"]),
    ("role-settings", "everybody", ["ALTER DATABASE {database} SET app.tenant_id = '1'"]),
    ("role-settings", APP, ["ALTER ROLE commerce_app SET search_path = 'spy'"]),
    (
        "probe-no-tenant",
        "catalog_media",
        ["CREATE POLICY spy ON catalog_media TO commerce_app USING (current_tenant() IS NULL)"],
    ),
    (
        "probe-no-tenant",
        "spy",
        [
            "CREATE POLICY reader ON catalog_media FOR SELECT TO commerce_reader USING (true)",
            "GRANT SELECT ON catalog_media TO commerce_reader",
            "CREATE VIEW spy AS SELECT * FROM catalog_media",
            "ALTER VIEW spy OWNER TO commerce_reader",
            "GRANT SELECT ON spy TO commerce_app",
        ],
    ),
]
SETUP = {"parted": "CREATE TABLE parted (tenant_id integer NOT NULL) PARTITION BY HASH (tenant_id)"}
RULES = {rule.name: rule for rule in isolation.RULES}
NOT_IN_THE_DATABASE = {"role-of-connection"}


def test_the_migrated_database_breaks_no_rule(shops):
    out = StringIO()
    call_command("check_isolation", stdout=out)
    assert out.getvalue().rstrip().endswith("0 findings")
    assert "\n" not in out.getvalue().rstrip()


@pytest.mark.parametrize(
    ("rule", "name", "statements"), BREAKS, ids=[f"{rule}-{number}" for number, (rule, *_) in enumerate(BREAKS)]
)
def test_a_broken_rule_is_reported(rule, name, statements, shops):
    if "superuser" not in connections:
        pytest.fail("STACK_SUPERUSER_URL is not set: run `make test`.")
    database = connections["superuser"].settings_dict["NAME"]
    with undone(alias="superuser") as cursor:
        for word, statement in SETUP.items():
            if any(word in each for each in statements):
                cursor.execute(statement)
        for statement in statements:
            cursor.execute(
                statement.replace("{database}", database).replace("{drop_reference}", _drop_reference(cursor))
            )
        found = list(RULES[rule].findings(cursor))
    assert [f for f in found if name.replace("{database}", database) in f.object], found
    assert len({finding.object for finding in found}) <= 2, "one thing was broken"


def test_each_rule_is_broken_once():
    assert {rule for rule, *_ in BREAKS} | NOT_IN_THE_DATABASE == set(RULES)


def test_a_lawful_search_view_is_no_finding(shops):
    """A plain view owned by the reader, its policy and a GIN index: what search stands on."""
    with undone(alias="superuser") as cursor:
        for statement in (
            "CREATE POLICY reader ON catalog_media FOR SELECT TO commerce_reader USING (true)",
            "GRANT SELECT ON catalog_media TO commerce_reader",
            "CREATE INDEX spy_search ON catalog_media USING gin (metadata)",
            f"{VIEW} AND metadata @> '{{}}'",
            "ALTER VIEW spy OWNER TO commerce_reader",
            "GRANT SELECT ON spy TO commerce_app",
            "CREATE VIEW invoker WITH (security_invoker = true) AS SELECT * FROM catalog_media",
        ):
            cursor.execute(statement)
        assert list(isolation.check(cursor)) == []


def test_the_temporary_table_of_an_import_is_no_finding(shops):
    with tenant_scope(shops.ours.id), connections["default"].cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE spy (id serial PRIMARY KEY, name text UNIQUE) ON COMMIT DROP")
        call_command("check_isolation", stdout=StringIO())


def test_a_connection_with_another_role_is_reported(monkeypatch):
    monkeypatch.setitem(settings.DATABASES["default"], "USER", "postgres")
    findings = list(RULES["role-of-connection"].findings(None))
    assert [(f.object, f.problem) for f in findings] == [
        ("database default", "signs in as postgres, not as commerce_app")
    ]


def test_the_command_reports_and_exits_1():
    with connections["superuser"].cursor() as cursor:
        cursor.execute("CREATE SCHEMA spy_committed")
        try:
            out = StringIO()
            with pytest.raises(SystemExit, match="1"):
                call_command("check_isolation", stdout=out)
        finally:
            cursor.execute("DROP SCHEMA spy_committed")
    line, summary = out.getvalue().splitlines()
    assert line.startswith("schema-unknown: spy_committed: is a schema beside public. Keep everything in public")
    assert summary.endswith("rules: 1 finding")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "DATABASE_OWNER_URL is not set: the check runs as the owner of the tables."),
        ("postgresql://commerce_owner@127.0.0.1:1/commerce", "The database cannot be asked: "),
    ],
)
def test_the_command_says_what_it_needs(url, message):
    ran = subprocess.run(
        [sys.executable, "manage.py", "check_isolation"],
        env={**os.environ, "DATABASE_OWNER_URL": url, "COMMERCE_ENV_FILE": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    assert message in ran.stderr
    assert "Traceback" not in ran.stderr


def _drop_reference(cursor) -> str:
    cursor.execute("SELECT conname FROM pg_constraint WHERE contype = 'f' AND conrelid = 'catalog_media'::regclass")
    return f'ALTER TABLE catalog_media DROP CONSTRAINT "{cursor.fetchone()[0]}"'
