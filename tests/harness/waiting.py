"""Tests never sleep: they await a condition until a deadline."""
import time

PATIENCE_S = 60.0


def await_condition(condition, deadline=10.0, what=None):
    """Calls `condition` until it gives something true, and gives that.

    `deadline` in seconds is what an idle machine needs at the very most; one that is loaded has PATIENCE_S at least.

    An AssertionError or OSError in `condition` means "not yet"; the last one is shown when time is up.
    """
    deadline = max(deadline, PATIENCE_S)
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


def await_within(condition, bound, what=None):
    """The same where the time is itself what is tested: `bound` in seconds gates."""
    began = time.monotonic()
    result = await_condition(condition, bound, what)
    took = time.monotonic() - began
    assert took <= bound, f"{took:.1f} s and not {bound}: {what}"
    return result
