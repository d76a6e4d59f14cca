"""Who runs an operator's command, for the audit."""

import getpass
import os


def current_operator() -> str:
    """Return the name in OPERATOR, or that of the account, also of one that uses sudo."""
    return os.environ.get("OPERATOR") or os.environ.get("SUDO_USER") or getpass.getuser()
