"""`sangkien rebuild-board` in a loop under writes, with event streams open.

Would catch: a generation that is shown before it is whole, a rebuild that puts an older figure over a newer one, a stream that
goes back.
"""
import http.client
import json
import threading

from harness.waiting import await_condition

TITLE = "the board rebuilt in a loop under writes"
ROUNDS, STREAMS = 15, 4


class Stream(threading.Thread):
    """Reads the live board; each event must be newer than the one before, and none may have fewer entered."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.address, self.events, self.wrong, self.ending = address, 0, [], False

    def run(self):
        while not self.ending:
            try:
                connection = http.client.HTTPConnection(self.address, timeout=20)
                connection.request("GET", "/v1/campaigns/demo/board/events")
                self._read(connection.getresponse())
            except (OSError, http.client.HTTPException):
                continue

    def _read(self, response):
        name, version, entered = None, 0, 0
        for line in response:
            if self.ending:
                return
            word, _, rest = line.decode().rstrip("\r\n").partition(":")
            if word == "event":
                name = rest.strip()
            if word != "data" or name not in ("board", "change"):
                continue
            self.events += 1
            event = json.loads(rest)
            if event["version"] < version or event["total"]["entered"] < entered:
                self.wrong.append(f"{name}: version {event['version']} with {event['total']['entered']} after {version} with {entered}")
            version, entered = event["version"], event["total"]["entered"]


def in_a_loop(fault):
    world = fault.world("quota=2")
    streams = [Stream(world.system.address) for _ in range(STREAMS)]
    for stream in streams:
        stream.start()
    for _ in range(ROUNDS):
        world.system.tool("rebuild-board", "demo")
    world.load.await_receipts(50, 60 * fault.patience)
    world.healed(rebuilt=True)
    await_condition(lambda: all(stream.events > 1 for stream in streams), 60 * fault.patience, "events in every stream")
    for stream in streams:
        stream.ending = True
    wrong = [word for stream in streams for word in stream.wrong]
    assert not wrong, f"{len(wrong)} steps back in a stream: {wrong[:5]}"
    fault.note(rebuilds=ROUNDS, events=sum(stream.events for stream in streams))


SCENARIOS = {"loop": in_a_loop}
