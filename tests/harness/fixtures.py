"""What pytest suites get by name."""
import pytest

from .control import Control
from .postgresql import borrow_postgresql, give_back, is_installed, new_postgresql
from .process import Directory
from .redis_server import Redis
from .service import Service
from .small_system import fill, redis_for_control


def _postgresql(with_schema):
    if not is_installed():
        pytest.skip("PostgreSQL 15 is not installed")
    server = borrow_postgresql(with_schema)
    yield server
    give_back(server)


@pytest.fixture
def postgresql():
    """With the schema applied and no row in it; whoever changes its settings takes `own_postgresql`."""
    yield from _postgresql(True)


@pytest.fixture
def own_postgresql():
    """A server that no other test sees, for settings, full disks and worse."""
    if not is_installed():
        pytest.skip("PostgreSQL 15 is not installed")
    server = new_postgresql()
    yield server
    server.remove()


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
def control(postgresql):
    """The operators' tool on a database with the schema."""
    return Control(postgresql.directory)


@pytest.fixture
def redis_of_control(postgresql):
    """Redis in the run directory of `control`."""
    server = redis_for_control(postgresql.directory)
    yield server.start()
    server.remove()


@pytest.fixture
def world(control, postgresql, redis_of_control):
    """A small system that is right, to be made wrong."""
    return fill(control, postgresql, redis_of_control)


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
    crashes = {service.instance: service.crash() for service in started if service.process is not None and service.crash()}
    assert crashes == {}
