"""What pytest suites get by name."""
import pytest

from .postgresql import is_installed, new_postgresql
from .process import Directory
from .redis_server import Redis
from .service import Service


def _postgresql(with_schema):
    if not is_installed():
        pytest.skip("PostgreSQL 15 is not installed")
    server = new_postgresql(with_schema)
    yield server
    server.remove()


@pytest.fixture
def postgresql():
    """A server of its own with the schema applied."""
    yield from _postgresql(True)


@pytest.fixture
def empty_postgresql():
    """Roles and an empty database."""
    yield from _postgresql(False)


@pytest.fixture(scope="module")
def shared_postgresql():
    """One for all tests of a module that do not disturb each other."""
    yield from _postgresql(True)


@pytest.fixture
def redis_server():
    server = Redis().start()
    yield server
    server.remove()


@pytest.fixture
def run_directory():
    directory = Directory()
    yield directory
    directory.remove()


@pytest.fixture
def start_service(run_directory):
    """start_service(name, settings, instance=None, ready=True); all are ended with the test."""
    started = []

    def start(name, settings, instance=None, ready=True):
        service = Service(name, run_directory, settings, instance)
        started.append(service)
        return service.start(ready)

    yield start
    for service in reversed(started):
        service.kill()
