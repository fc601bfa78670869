"""What several suites of this level share."""
import pytest


def _world(*parts):
    pytest.importorskip("google.protobuf", reason="python3-protobuf is not installed")
    from harness.intake import World
    world = World(*parts)
    yield world
    world.close()


@pytest.fixture
def intake_world(shared_postgresql, redis_server, run_directory, start_service):
    """Campaigns of its own in the module's PostgreSQL, which a test must leave running."""
    shared_postgresql.query("TRUNCATE campaign, unit, token, submission, idempotency_key, decision, quarantine, role_lease "
                            "CASCADE")
    yield from _world(shared_postgresql, redis_server, run_directory, start_service)


@pytest.fixture
def own_intake_world(postgresql, redis_server, run_directory, start_service):
    """With a PostgreSQL that may be stopped."""
    yield from _world(postgresql, redis_server, run_directory, start_service)
