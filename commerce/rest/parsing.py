"""The body of a request: JSON, and nothing in it that PostgreSQL could not hold."""

from collections.abc import Mapping
from typing import IO, Any

import orjson
from rest_framework.parsers import BaseParser

from commerce.rest.problems import Problem


class JSONParser(BaseParser):
    """Reads `application/json`. Raises Problem (400) naming the place of what is malformed."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        text = stream.read()
        try:
            body = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise Problem.of(400, "MALFORMED", f"The body is malformed JSON: {error}.") from None
        if b"\\u0000" in text and _holds_nul(body):
            raise Problem.of(400, "MALFORMED", "The body holds the character NUL, which cannot be stored.")
        return body


def _holds_nul(body: Any) -> bool:
    waiting = [body]
    while waiting:
        match waiting.pop():
            case str() as text:
                if "\0" in text:
                    return True
            case dict() as mapping:
                waiting += [*mapping, *mapping.values()]
            case list() as items:
                waiting += items
    return False
