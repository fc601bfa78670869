"""The same submission ten times at once with the same key, through several instances.

Would catch: two rows for one key, two receipts for one row, a loser that waits for a lock until it is told 504.
"""
import json
import threading

from harness.texts import distinct_text

from ..load import Client, SEND_AGAIN

TITLE = "a retry storm: the same submission 10 times, same key, through several instances"
TOGETHER, SUBMISSIONS = 10, 40


def storm(fault):
    world = fault.world("intake=3", load={"rate": 40, "clients": 8})
    start, answers, lock = threading.Barrier(TOGETHER), {n: [] for n in range(SUBMISSIONS)}, threading.Lock()

    def client():
        connection = Client(world.system.address)
        for number in range(SUBMISSIONS):
            start.wait()
            answer = send(connection, number)
            with lock:
                answers[number].append(answer)

    def send(connection, number):
        body = json.dumps({"full_name": "Trần Văn Hải", "phone": f"08{number + 20000000:08d}", "unit": "01.018.LIXIL",
                           "block": "public", "description": distinct_text(f"{world.seed} storm {number}")}).encode()
        while True:
            answer = connection.ask("POST", "/v1/campaigns/demo/submissions", body,
                                    {"Content-Type": "application/json", "Idempotency-Key": f"{world.seed}-storm-{number}"})
            if answer is not None and answer[0] not in SEND_AGAIN:
                return answer[0], answer[2]

    threads = [threading.Thread(target=client, daemon=True) for _ in range(TOGETHER)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300 * fault.patience)
    world.healed()
    for number, got in answers.items():
        assert [status for status, _ in got] == [202] * TOGETHER, [status for status, _ in got]
        assert len({body for _, body in got}) == 1, f"{number}: several receipts for one key"
        world.load.adopt(f"{world.seed}-storm-{number}", json.loads(got[0][1]))
    fault.note(requests=TOGETHER * SUBMISSIONS, rows=SUBMISSIONS)


SCENARIOS = {"storm": storm}
