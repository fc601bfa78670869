"""Would catch: a rebuild that is reported while the board is still the old one, or behind."""
import threading

import pytest
from harness.waiting import await_condition


def quota_at_work(client, world, stop):
    """Builds the board whenever its head is missing, as quota does."""
    generation = 1
    while not stop.is_set():
        if not client.exists("board:{c1}:meta"):
            generation += 1
            world.board_to(client, generation)
        stop.wait(0.05)


@pytest.fixture
def quota(world, redis_of_control):
    stop = threading.Event()
    thread = threading.Thread(target=quota_at_work, args=(redis_of_control.client(), world, stop))
    thread.start()
    yield
    stop.set()
    thread.join()


def test_it_waits_for_a_new_board_at_the_version(control, world, redis_of_control, quota):
    client = redis_of_control.client()
    client.hset("board:{c1}:g1:1:0", 2, "6 9 9 9 0")
    assert control.run("audit", "--wait", "1")[0] == 1
    assert "trial: built anew, version 6" in control.do("rebuild-board", "trial")
    assert client.hget("board:{c1}:meta", "generation") == b"2"
    assert "zero drift" in control.do("audit")
    control.do("rebuild-board")
    assert await_condition(lambda: client.hget("board:{c1}:meta", "generation") == b"3")


def test_what_is_not_there_is_said(control, world, redis_of_control):
    assert control.run("rebuild-board", "nothing")[0] == 65
    assert control.run("rebuild-board", "--all")[0] == 64
    redis_of_control.stop()
    code, _, complaints = control.run("rebuild-board", "trial")
    assert code == 69 and "Redis does not answer" in complaints
