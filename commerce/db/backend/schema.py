# mypy: disable-error-code="misc, no-any-return, assignment, arg-type"
# The stubs leave out the editor's underscore methods, which are its points of extension.
"""The schema editor: a model with a TenantField becomes a tenant's table, and nobody has to remember how.

It writes the primary key (tenant_id, id), composite foreign keys (fact: foreign-key checks bypass row-level
security), tenant-first indexes and unique constraints, the policies, grants and the version trigger.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from django.db.backends.ddl_references import Columns, Statement, Table
from django.db.backends.postgresql import schema
from django.db.models import CompositePrimaryKey, Model

from commerce.db import rls
from commerce.db.fields import TenantField

COLUMN = "tenant_id"


def tenant_field(model: type[Model]) -> TenantField | None:
    """Return the tenant field of a model, historical ones included, or None for a platform table."""
    return next((f for f in model._meta.local_fields if isinstance(f, TenantField)), None)


def is_tenant_owned(model: type[Model]) -> bool:
    return tenant_field(model) is not None or is_adopted(model)


def is_adopted(model: type[Model]) -> bool:
    return model._meta.db_table in rls.ADOPTED_TABLES


class SchemaEditor(schema.DatabaseSchemaEditor):
    functions_written = False

    def create_model(self, model: type[Model]) -> None:
        if model._meta.auto_created and any(
            is_tenant_owned(f.related_model) for f in model._meta.local_fields if isinstance(f.related_model, type)
        ):
            raise ValueError(
                f"{model._meta.label}: an automatic many-to-many table has no tenant; name an explicit `through`."
            )
        super().create_model(model)
        table = model._meta.db_table
        if not is_tenant_owned(model):
            self._execute_all(rls.platform_table_sql(table))
            return
        if not self.functions_written:
            self.execute(rls.FUNCTIONS, params=None)
            self.functions_written = True
        if is_adopted(model):
            self.execute(
                f'ALTER TABLE "{table}" ADD COLUMN {COLUMN} integer NOT NULL DEFAULT current_tenant(), '
                f"ADD PRIMARY KEY ({COLUMN}, {model._meta.pk.column})"
            )
        versioned = any(f.name == "version" for f in model._meta.local_fields)
        self._execute_all(rls.tenant_table_sql(table, versioned=versioned))

    def table_sql(self, model: type[Model]) -> tuple[str, list[Any]]:
        sql, params = super().table_sql(model)
        pk = model._meta.pk
        if tenant_field(model) is not None and not isinstance(pk, CompositePrimaryKey):
            columns = ", ".join(self.quote_name(c) for c in (COLUMN, pk.column))
            sql = f"{sql.removesuffix(')')}, PRIMARY KEY ({columns}))"
        return sql, params

    def _iter_column_sql(
        self, column_db_type: str, params: list[Any], model: type[Model], field: Any, *rest: Any
    ) -> Iterator[str]:
        owned = is_tenant_owned(model)
        for word in super()._iter_column_sql(column_db_type, params, model, field, *rest):
            if owned and word == "UNIQUE":
                self.deferred_sql.append(self._create_unique_sql(model, [field]))
            elif not (owned and word == "PRIMARY KEY"):
                yield word

    def add_field(self, model: type[Model], field: Any) -> None:
        if not is_tenant_owned(model):
            if isinstance(field, TenantField):
                raise ValueError(f"{model._meta.label} cannot become a tenant's table: make a new one, copy the rows.")
            _refuse_reference_to_tenant(model, field)
            return super().add_field(model, field)
        # Composite keys cannot stand in a column's definition: None makes Django add them afterwards.
        self.sql_create_column_inline_fk = None
        try:
            super().add_field(model, field)
        finally:
            del self.sql_create_column_inline_fk

    def remove_field(self, model: type[Model], field: Any) -> None:
        if isinstance(field, TenantField):  # PostgreSQL would drop its policies and its key with it
            raise ValueError(f"{model._meta.label} cannot cease to be a tenant's table: make a new one, copy the rows.")
        super().remove_field(model, field)

    def _create_fk_sql(self, model: type[Model], field: Any, suffix: str) -> Statement:
        statement = super()._create_fk_sql(model, field, suffix)
        target = field.target_field
        if is_tenant_owned(target.model):
            _refuse_reference_to_tenant(model, field)
            statement.parts["column"] = Columns(model._meta.db_table, [COLUMN, field.column], self.quote_name)
            statement.parts["to_column"] = Columns(
                target.model._meta.db_table, [COLUMN, target.column], self.quote_name
            )
            statement.parts["to_table"] = Table(target.model._meta.db_table, self.quote_name)
        return statement

    def _create_index_sql(self, model: type[Model], *, fields: Any = None, **options: Any) -> Statement:
        if is_tenant_owned(model) and options.get("using", "").strip() in ("", "USING btree"):
            fields, options = self._tenant_first(model, fields, options)
        return super()._create_index_sql(model, fields=fields, **options)

    def _create_like_index_sql(self, model: type[Model], field: Any) -> Statement | None:
        """Return no index for LIKE on a tenant's table: the operator is not leakproof and could not use it."""
        return None if is_tenant_owned(model) else super()._create_like_index_sql(model, field)

    def _unique_sql(self, model: type[Model], fields: Any, name: str, **options: Any) -> Any:
        if is_tenant_owned(model):
            fields, options = self._tenant_first(model, fields, options)
        return super()._unique_sql(model, fields, name, **options)

    def _create_unique_sql(self, model: type[Model], fields: Any, name: Any = None, **options: Any) -> Any:
        if is_tenant_owned(model):
            fields, options = self._tenant_first(model, fields, options)
        return super()._create_unique_sql(model, fields, name, **options)

    def _constraint_names(self, model: type[Model], column_names: Any = None, **options: Any) -> list[str]:
        if column_names and is_tenant_owned(model) and column_names[0] != COLUMN:
            column_names = [COLUMN, *column_names]
        return super()._constraint_names(model, column_names, **options)

    def _tenant_first(
        self, model: type[Model], fields: Sequence[Any] | None, options: dict[str, Any]
    ) -> tuple[list[Any], dict[str, Any]]:
        if options.get("expressions"):
            raise ValueError(
                f"{model._meta.label}: an index on an expression is never used under row-level security; "
                "index a stored column instead."
            )
        fields = list(fields or [])
        if fields and fields[0].column != COLUMN:
            fields.insert(0, tenant_field(model) or _AdoptedColumn())
            if options.get("opclasses"):
                options = {**options, "opclasses": ["int4_ops", *options["opclasses"]]}
            if options.get("col_suffixes"):
                options = {**options, "col_suffixes": ["", *options["col_suffixes"]]}
        return fields, options

    def _execute_all(self, statements: list[str]) -> None:
        for statement in statements:
            self.execute(statement, params=None)


def _refuse_reference_to_tenant(model: type[Model], field: Any) -> None:
    target = field.related_model if field.is_relation else None
    if isinstance(target, type) and is_tenant_owned(target) and not is_tenant_owned(model):
        raise ValueError(f"{model._meta.label}.{field.name}: a platform table cannot point at a tenant's.")


class _AdoptedColumn:
    column = COLUMN
