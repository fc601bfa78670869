"""Tests never sleep: they await a condition until a deadline."""
import time


def await_condition(condition, deadline=10.0, what=None):
    """Calls `condition` until it gives something true, and gives that; `deadline` in seconds.

    An AssertionError or OSError in `condition` means "not yet"; the last one is shown when time is up.
    """
    end = time.monotonic() + deadline
    last = None
    while True:
        try:
            result = condition()
            if result:
                return result
            last = None
        except (AssertionError, OSError) as error:
            last = error
        if time.monotonic() >= end:
            words = what or getattr(condition, "__name__", "the condition")
            raise AssertionError(f"not within {deadline} s: {words}") from last
        time.sleep(0.01)
