"""Hundreds of requests on each side of a campaign's close, through two intakes.

Would catch: a submission taken after the close or refused before it, two instances with two clocks, a close that goes by when a
request is handled instead of when it was received.
"""
import json
import threading
import time

from harness.texts import distinct_text
from harness.waiting import await_condition

from ..load import Client, SEND_AGAIN

TITLE = "deadline race: at least 200 requests on each side of the close"
CLIENTS, EACH_SIDE, LEAD_S = 16, 200, 12
PACK = """
code: race
name: Chạy đua
opens_at: 2020-01-01T00:00:00+07:00
closes_at: {closes}
versions:
  - version: 1
    holds_from: 2020-01-01T00:00:00+07:00
    description_characters_max: 2000
    phases: [{{number: 1, name: Một, starts_at: 2020-01-01T00:00:00+07:00, ends_at: {closes}}}]
    person_key: phone
    duplicates: {{exact_scope: nation, near_scope: top, near_threshold: 0.72}}
"""
UNITS = "code,name,level,parent_code,block,accepts\nVN,Gốc,0,,,0\n01,Hà Nội,1,VN,,1\n"


class Racer(threading.Thread):
    """Sends without a pause; keeps (sent, answered, status, body, key) of each."""

    def __init__(self, address, seed, number, ending):
        super().__init__(daemon=True)
        self.client, self.seed, self.number, self.ending, self.answers = Client(address), seed, number, ending, []

    def run(self):
        count = 0
        while not self.ending.is_set():
            count += 1
            key = f"{self.seed}-race-{self.number}-{count}"
            sent, status, body = self.send(key, count)
            self.answers.append((sent, time.time(), status, body, key, count))

    def send(self, key, count):
        body = json.dumps({"full_name": "Lê Thị Mơ", "phone": f"07{self.number:03d}{count:05d}", "unit": "01", "block": "public",
                           "description": distinct_text(key)}).encode()
        while True:
            sent = time.time()
            answer = self.client.ask("POST", "/v1/campaigns/race/submissions", body,
                                     {"Content-Type": "application/json", "Idempotency-Key": key})
            if answer is not None and answer[0] not in SEND_AGAIN:
                return sent, answer[0], json.loads(answer[2])


def apply(system, tmp, closes):
    path = f"{tmp}/race.yaml"
    with open(path, "w", encoding="utf-8") as file:
        file.write(PACK.format(closes=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(closes))))
    system.tool("campaign", "apply", path)


def known(system):
    """Every intake goes by what was applied last."""
    (version,), = system.query("SELECT version FROM reference_version")
    return all(system.metric(f"intake-{n}", "sangkien_reference_version") == version for n in (1, 2))


def race(fault):
    world = fault.world("intake=2", load={"rate": 30, "clients": 8})
    tmp = world.system.run + "/web"
    apply(world.system, tmp, time.time() + 3600)
    with open(f"{tmp}/race.csv", "w", encoding="utf-8") as file:
        file.write(UNITS)
    world.system.tool("units", "import", f"{tmp}/race.csv", "--campaign", "race")
    closes = int(time.time()) + LEAD_S * max(1, int(fault.patience))
    apply(world.system, tmp, closes)
    await_condition(lambda: known(world.system), 60 * fault.patience, "both intakes to know the campaign")
    ending = threading.Event()
    racers = [Racer(world.system.address, world.seed, number, ending) for number in range(CLIENTS)]
    for racer in racers:
        racer.start()
    side = lambda status: sum(answer[2] == status for racer in racers for answer in list(racer.answers))  # noqa: E731
    await_condition(lambda: time.time() > closes and side(403) >= EACH_SIDE, 120 * fault.patience, "requests behind the close")
    ending.set()
    for racer in racers:
        racer.join(60)
    world.healed()
    judge(fault, world, [answer for racer in racers for answer in racer.answers], closes)


def judge(fault, world, answers, closes):
    statuses = {answer[2] for answer in answers}
    assert statuses == {202, 403}, statuses
    wrong = [answer for answer in answers if (answer[1] < closes and answer[2] != 202) or (answer[0] > closes and answer[2] != 403)]
    assert not wrong, f"{len(wrong)} answers on the wrong side of the close: {wrong[:3]}"
    codes = {answer[3]["code"] for answer in answers if answer[2] == 403}
    assert codes == {"campaign_closed"}, codes
    (late,), = world.system.query("SELECT count(*) FROM submission s JOIN campaign c ON c.id = s.campaign_id WHERE c.code = 'race' "
                                  "AND received_at >= to_timestamp(%s)", (closes,))
    assert late == 0, f"{late} stored with an instant behind the close"
    taken = [answer for answer in answers if answer[2] == 202]
    for _, _, _, body, key, _ in taken:
        world.load.adopt(key, body)
    # A retry after the close still gets the original receipt.
    again = Racer(world.system.address, world.seed, 0, None)
    for _, _, _, body, key, count in fault.dice.sample(taken, 20):
        again.number = int(key.split("-")[-2])
        assert again.send(key, count)[1:] == (202, body), key
    assert len(taken) >= EACH_SIDE
    world.system.await_decided("race")
    fault.note(before=len(taken), behind=len(answers) - len(taken), exceptions=0)


SCENARIOS = {"close": race}
