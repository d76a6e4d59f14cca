"""The one class of expected failures, mapped once by each door."""


class DomainError(Exception):
    """An expected failure of an operation, shown to the caller.

    `code` is UPPER_SNAKE and stable, `message` is one sentence in English that names the remedy where
    there is one, `field` is the input at fault in the door's neutral snake_case spelling, or None.
    """

    code = "INVALID"

    def __init__(self, message: str, *, code: str | None = None, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.field = field
