"""YAML: one list of mappings. Scalars stay the text that is written, so that 007 and 1.50 are what they look like."""

import zlib
from collections.abc import Iterator
from gzip import BadGzipFile
from pathlib import Path
from typing import IO, Any

import orjson
from yaml import YAMLError, composer, constructor, events, nodes, resolver
from yaml._yaml import CParser

from catalog.imports.errors import FileError
from catalog.imports.readers.lines import opened
from catalog.imports.readers.rows import Layout, Row

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})


class _Tail:
    """A stream that remembers whether its last byte ended a line."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.is_open = False

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        if data:
            self.is_open = not data.endswith(b"\n")
        return data


class _Composer(CParser, composer.Composer, constructor.BaseConstructor, resolver.BaseResolver):
    """libyaml's parser with PyYAML's composer, which can be asked for one item at a time."""

    def __init__(self, stream: _Tail) -> None:
        CParser.__init__(self, stream)
        composer.Composer.__init__(self)
        constructor.BaseConstructor.__init__(self)
        resolver.BaseResolver.__init__(self)

    def compose_node(self, parent: nodes.Node | None, index: int) -> nodes.Node | None:
        """Return the next node; an alias, which can stand for a million others, is refused."""
        if self.check_event(events.AliasEvent):
            mark = getattr(self.peek_event(), "start_mark", None)
            raise composer.ComposerError(problem="aliases (*name) are not read", problem_mark=mark)
        return super().compose_node(parent, index)


def read(path: Path, layout: Layout) -> Iterator[Row]:
    """Yield the items of the list, one at a time. An item that is no mapping is a row with a problem.

    YAML does not tell when it is cut short, so a file without a last line end whose last item lacks what all
    others have is a FileError, too.
    """
    with opened(path) as file:
        stream = _Tail(file)
        ahead: Row | None = None
        common: set[str] | None = None
        try:
            for row in _rows(stream):
                if ahead is not None:
                    common = set(ahead.cells) if common is None else common & ahead.cells.keys()
                    yield ahead
                ahead = row
        except FileError:
            if ahead is not None:
                yield ahead
            raise
        if ahead is not None:
            if stream.is_open and common is not None and not common <= ahead.cells.keys():
                line = ahead.line
                raise FileError(f"line {line}: the file ends in the middle of this item.", line=line, is_cut=True)
            yield ahead


def _rows(stream: _Tail) -> Iterator[Row]:
    line = 1
    try:
        for ordinal, node in enumerate(_items(_Composer(stream)), 1):
            line = node.start_mark.line + 1
            yield _row(ordinal, line, node)
    except EOFError as error:
        raise FileError(
            f"after line {line}: the compressed file ends in the middle: it was cut short.", line=line, is_cut=True
        ) from error
    except (BadGzipFile, zlib.error) as error:
        raise FileError(f"after line {line}: the compressed file is damaged.", line=line, is_cut=True) from error
    except (YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else line
        reason = getattr(error, "problem", None) or str(error) or "it is nested too deeply"
        raise FileError(
            f"line {line}: the file is no YAML from here on, or ends in the middle: {reason}.", line=line, is_cut=True
        ) from error


def _items(source: _Composer) -> Iterator[nodes.Node]:
    source.get_event()  # the stream's start
    if source.check_event(events.StreamEndEvent):
        return
    source.get_event()  # the document's
    if not source.check_event(events.SequenceStartEvent):
        raise FileError("line 1: the file is YAML, but no list: each row begins with a hyphen.", line=1)
    source.get_event()
    while not source.check_event(events.SequenceEndEvent):
        source.anchors = {}
        node = source.compose_node(None, 0)
        if node is not None:
            yield node


def _row(ordinal: int, line: int, node: nodes.Node) -> Row:
    if not isinstance(node, nodes.MappingNode):
        return Row(ordinal, line, {}, "The item is no mapping of columns to values.")
    cells = {str(key.value): _value(value) for key, value in node.value}
    return Row(ordinal, line, cells, source=orjson.dumps(cells).decode())


def _value(node: nodes.Node) -> Any:
    if isinstance(node, nodes.SequenceNode):
        return [_value(item) for item in node.value]
    if isinstance(node, nodes.MappingNode):
        return {str(key.value): _value(value) for key, value in node.value}
    is_plain = not getattr(node, "style", None)
    return None if is_plain and node.value in _NULLS else node.value
