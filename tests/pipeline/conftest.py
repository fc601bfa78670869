"""One running system for a module's tests; what a test leaves in it is more of the same."""
import pytest

from harness.system import System


@pytest.fixture(scope="module")
def system():
    whole = System()
    try:
        yield whole.up()
    finally:
        whole.remove()
