"""Being told to stop by a signal."""

import time

# Seconds after which a wait sees at the latest that it is over.
STEP = 0.05


class StopFlag:
    """Tells a loop to stop; a signal handler may set it in the very thread that waits.

    A `threading.Event` may not: its lock is held for a moment before and after each wait, and a handler that runs in
    that moment waits for it for ever.
    """

    def __init__(self) -> None:
        self._is_set = False

    def set(self) -> None:
        """Have `is_set` be true from now on, and end a wait."""
        self._is_set = True

    def is_set(self) -> bool:
        """Tell whether it was set."""
        return self._is_set

    def wait(self, timeout: float) -> bool:
        """Wait until it is set, so many seconds at most, and tell whether it is."""
        ends = time.monotonic() + timeout
        while not self._is_set and (left := ends - time.monotonic()) > 0:
            time.sleep(min(left, STEP))
        return self._is_set
