"""The rules tried out: as the application's role, without a tenant, no relation yields a row."""

from collections.abc import Iterator
from typing import Any

from django.db import DatabaseError

from commerce.db import rls
from commerce.db.isolation.rule import COMMON, NAMES, Rule


def _visible_rows(cursor: Any) -> Iterator[tuple[str, str]]:
    cursor.execute(
        COMMON
        + """SELECT name FROM relations WHERE kind IN ('r', 'p', 'v', 'm') AND belongs_to = 'tenant'
          AND has_table_privilege(to_regrole(%(app)s), oid, 'SELECT')""",
        NAMES,
    )
    names = [name for (name,) in cursor.fetchall()]
    cursor.execute("SAVEPOINT probe")
    try:
        cursor.execute(f"SET LOCAL ROLE {rls.APP}")
        cursor.execute("SET LOCAL app.tenant_id = ''")
        for name in names:
            cursor.execute(f'SELECT EXISTS (SELECT FROM "{name}")')
            if cursor.fetchone()[0]:
                yield name, "shows rows to the application when no tenant is in scope"
    except DatabaseError as error:
        yield rls.APP, f"could not be tried out: {str(error).splitlines()[0]}"
    finally:
        cursor.execute("ROLLBACK TO SAVEPOINT probe")


RULES = (Rule("probe-no-tenant", _visible_rows, "Look for what else is reported of it."),)
