"""What the stack tells a person when it cannot go on."""

from pathlib import Path


class StackError(Exception):
    """Stop with a message for the person at the terminal."""


class ProcessDied(StackError):
    """Report a process that ended by itself, with the end of its log."""

    def __init__(self, name: str, log: Path, what: str = "died") -> None:
        self.name = name
        super().__init__(f"{name} {what}. The end of {log}:\n{tail(log)}")


def tail(log: Path, lines: int = 20) -> str:
    """Return the last lines of a log, indented."""
    try:
        with log.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - 64 * 1024))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return "    (no log)"
    return "\n".join(f"    {line}" for line in text.splitlines()[-lines:]) or "    (the log is empty)"
