"""Execution by graphql-core: the reference of our engine, and what runs an operation that has no plan."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

from graphql import (
    ExecutionContext,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    default_field_resolver,
    default_type_resolver,
    located_error,
)
from graphql.execution.execute import CollectedErrors
from graphql.pyutils import Path, Undefined

from commerce.graphql.calls import Calls
from commerce.graphql.context import Context
from commerce.graphql.repeats import run_field


class Reference(ExecutionContext):
    """graphql-core's execution, with a scope around each field of a mutation."""

    open_scope: Callable[[], AbstractContextManager[Any]]

    @classmethod
    def of(
        cls,
        schema: GraphQLSchema,
        fragments: Mapping[str, FragmentDefinitionNode],
        operation: OperationDefinitionNode,
        variables: Mapping[str, Any],
        context: Context,
        open_scope: Callable[[], AbstractContextManager[Any]],
    ) -> "Reference":
        """Return the execution of one operation, which begins with `run()`."""
        context.calls = Calls()
        execution = cls(
            schema,
            dict(fragments),
            None,
            context,
            operation,
            dict(variables),
            default_field_resolver,
            default_type_resolver,
            default_field_resolver,
            CollectedErrors(),
            None,
            lambda value: False,
        )
        execution.open_scope = open_scope
        return execution

    def run(self) -> tuple[dict[str, Any] | None, list[GraphQLError]]:
        """Return the data and the errors; raise LimitExceeded where a query takes too long."""
        data: Any = None
        try:
            data = self.execute_operation(self.operation, self.root_value)
        except GraphQLError as error:
            self.collected_errors.add(error, None)
        if self.collected_errors.errors and self.operation.operation is not OperationType.MUTATION:
            self.context_value.check_time()
        return data, self.collected_errors.errors

    def execute_fields_serially(
        self,
        parent_type: GraphQLObjectType,
        source_value: Any,
        path: Path | None,
        fields: dict[str, list[FieldNode]],
    ) -> dict[str, Any]:
        results = {}
        for place, (name, nodes) in enumerate(fields.items()):
            is_meta = nodes[0].name.value.startswith("__")
            execute = self.execute_field if is_meta else partial(self._execute_mutation, place)
            result = execute(parent_type, source_value, nodes, Path(path, name, parent_type.name))
            if result is not Undefined:
                results[name] = result
        return results

    def _execute_mutation(
        self, place: int, parent_type: GraphQLObjectType, source_value: Any, nodes: list[FieldNode], path: Path
    ) -> Any:
        field = parent_type.fields[nodes[0].name.value]
        resolver: Any = field.resolve
        run = partial(self.execute_field, parent_type, source_value, nodes, path)
        context, errors = self.context_value, self.collected_errors.errors
        try:
            return run_field(run, place, context, errors, self.open_scope, in_scope=resolver.in_scope)
        except Exception as error:
            self.handle_field_error(located_error(error, nodes, path.as_list()), field.type, path)
            return None
