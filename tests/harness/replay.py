"""A campaign that is over, replayed by an operator's token: lines with their instants of receipt, and what became of them."""
import itertools
import json
import random

from .texts import SYLLABLES
from .waiting import await_condition

NUMBER = itertools.count(50000000)


def text_of(number, characters):
    """So many characters, like no other."""
    dice = random.Random(f"replay-{number}")
    text = ""
    while len(text) < characters:
        text += dice.choice(SYLLABLES) + " "
    return text[:characters - 1] + "."


class Replay:
    def __init__(self, system, campaign, received_at, **standard):
        self.system, self.campaign, self.received_at, self.standard = system, campaign, received_at, standard
        made = system.tool("token", "create", "--role", "operator", "--campaign", campaign, "--json").stdout
        self.headers = {"Content-Type": "application/x-ndjson", "Authorization": "Bearer " + json.loads(made)["token"]}

    def line(self, **changes):
        """One submission as the campaign wants it; a change to None leaves the field out."""
        number = next(NUMBER)
        fields = {"full_name": "Nguyễn Thị Lan", "phone": f"09{number}", "unit": "01.018.LIXIL", "block": "enterprise",
                  "description": text_of(number, 400), "received_at": self.received_at, **self.standard}
        if "national_id" in fields:
            fields["national_id"] = f"0010{number}"
        return {name: value for name, value in {**fields, **changes}.items() if value is not None}

    def send(self, lines):
        body = "\n".join(json.dumps(line, ensure_ascii=False) for line in lines).encode()
        answer = self.system.request("POST", f"/v1/campaigns/{self.campaign}/submissions:batch", body, self.headers, timeout=120)
        assert answer.status == 200, answer.body
        return [json.loads(row) for row in answer.body.splitlines()]

    def verdicts(self, lines):
        """Of each line: "STATUS PHASE" and its reasons as "code field", or the name of the problem it was refused with."""
        rows = self.send(lines)
        self.system.await_decided(self.campaign)
        return [self.verdict(row) for row in rows]

    def verdict(self, row):
        if row["status"] != 202:
            return row["type"].rsplit("/", 1)[1]
        path = "/v1/submissions/" + row["tracking_code"]
        await_condition(lambda: self.system.get(path).json()["status"] != "received", 30, "the verdict")
        found = self.system.get(path).json()
        reasons = [f"{reason['code']} {reason['field'] or ''}".strip() for reason in found["reasons"]]
        return [f"{found['status']} {found['phase']}", *reasons]

    def expect(self, cases):
        """[(changes, verdict)]: all in one batch."""
        got = self.verdicts([self.line(**changes) for changes, _ in cases])
        wrong = [(changes, wanted, found) for (changes, wanted), found in zip(cases, got) if found != wanted]
        assert not wrong, "\n".join(map(str, wrong))
