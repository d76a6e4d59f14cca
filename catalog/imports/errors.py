"""What can be wrong with an import, and where."""

from dataclasses import dataclass

from commerce.errors import DomainError


class MappingError(DomainError):
    """The mapping is not understood or does not fit the file; nothing was read."""


class FileError(DomainError):
    """The file cannot be read from this line on.

    `is_cut` says that the rows before it are sound (a file that was cut short); otherwise nothing of it is used.
    """

    def __init__(self, message: str, *, line: int = 0, is_cut: bool = False) -> None:
        super().__init__(message, field="file")
        self.line = line
        self.is_cut = is_cut


class ImportConflict(DomainError):
    """Another process works on the same import, somebody stopped it, or it is not where it would have to be."""

    code = "CONFLICT"


class Collision(ImportConflict):
    """Another process made the same thing at the same time; the batch is worth another try."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a row was refused: the row's ordinal and line in the file, the column, the reason, the row as it stands."""

    row: int
    line: int
    column: str
    reason: str
    source: str = ""
