"""The common load: many clients that submit (new texts, copies, what the rules refuse, what has no shape), some waiting for
the verdict, and reviewers who count, reject and revoke. All of it follows from a seed.

A client does what the contract tells it to: after 503, 504 or a broken connection it sends the same again with the same
Idempotency-Key until it has an answer. So at the end every client knows what became of its submission.
"""
import collections
import http.client
import itertools
import json
import queue
import random
import select
import threading
import time

from harness.texts import distinct_text
from harness.waiting import await_condition

KINDS = ("new", "copy", "long", "shapeless", "waiting")
WEIGHTS = (62, 14, 8, 8, 8)
SEND_AGAIN = (503, 504)
REVIEW_SHARE = 0.12
ACTS = ("count", "reject", "revoke")
REVIEWERS = 2
PER_PERSON = 3  # submissions of one person, far below the rate limit


class Client:
    """One connection that is kept; `None` for an answer: it broke, and nobody knows what was done."""

    def __init__(self, address, timeout=30):
        self.address, self.timeout, self.connection = address, timeout, None

    def ask(self, method, path, body=None, headers=None):
        """(status, headers, text) or None. A kept connection that the server ends just when the next request goes out is no
        answer and no error: that request is sent again on a new one, once (RFC 9112, 9.3.1; all of ours may be repeated)."""
        kept = self.connection is not None
        while True:
            try:
                return self._ask(method, path, body, headers)
            except (OSError, http.client.HTTPException) as error:
                self.close()
                if not kept or not isinstance(error, ConnectionError):
                    return None
                kept = False

    def _ask(self, method, path, body, headers):
        if self.connection is not None and self.connection.sock is not None and select.select([self.connection.sock], [], [], 0)[0]:
            self.close()  # the server has ended it since, as a kept connection may be: a client opens another
        if self.connection is None:
            self.connection = http.client.HTTPConnection(self.address, timeout=self.timeout)
        self.connection.request(method, path, body, headers or {})
        response = self.connection.getresponse()
        return response.status, response.headers, response.read()

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None


class Submission:
    """One that is wanted: `number` and the seed say all of it."""

    def __init__(self, seed, number, units):
        dice = random.Random(f"{seed}/{number}")
        self.number, self.key = number, f"{seed}-{number}"
        self.kind = dice.choices(KINDS, WEIGHTS)[0] if number > 20 else "new"
        self.receipt, self.status = None, None
        self.act = dice.choice(ACTS) if dice.random() < REVIEW_SHARE else None
        text = dice.randrange(max(1, number - 200), number) if self.kind == "copy" else number
        self.fields = {"full_name": "Nguyễn Thị Lan", "phone": f"09{number // PER_PERSON + 10000000:08d}",
                       "unit": dice.choice(units), "block": "public", "description": distinct_text(f"{seed} {text}")}
        if self.kind == "long":
            self.fields["description"] = "ý" * 2001
        elif self.kind == "shapeless":
            del self.fields["phone"]

    @property
    def wanted(self):
        """Answers that end it."""
        return (422,) if self.kind == "shapeless" else (202, 200) if self.kind == "waiting" else (202,)


class Load:
    """Starts with `start()`, is told to `end()`; afterwards `receipts`, `reviews` and `counts` say what clients know."""

    def __init__(self, system, seed, units, campaign="demo", clients=24, rate=100):
        self.system, self.seed, self.units, self.campaign = system, seed, units, campaign
        self.rate = rate
        self.numbers = itertools.count(1)
        self.lock = threading.Lock()
        self.ending, self.given_up = threading.Event(), threading.Event()
        self.receipts, self.refused, self.unanswered = {}, [], []
        self.reviews, self.surprises, self.errors = [], [], []
        self.counts, self.answers = collections.Counter(), []
        self.to_review = queue.Queue()
        self.secret = None
        self.threads = [threading.Thread(target=self._submit, daemon=True) for _ in range(clients)]
        self.reviewers = [threading.Thread(target=self._review, daemon=True) for _ in range(REVIEWERS)]

    def start(self):
        made = self.system.tool("token", "create", "--role", "reviewer", "--campaign", self.campaign, "--json")
        self.secret = json.loads(made.stdout)["token"]
        self.began = time.monotonic()
        for thread in self.threads + self.reviewers:
            thread.start()
        return self

    def end(self, deadline=120):
        """No new ones; those under way are sent until they are answered."""
        self.ending.set()
        end = time.monotonic() + deadline
        for thread in self.threads + self.reviewers:
            thread.join(max(0.0, end - time.monotonic()))
        late = [thread for thread in self.threads + self.reviewers if thread.is_alive()]
        if late:
            self.given_up.set()
            raise AssertionError(f"{len(late)} clients have no answer {deadline} s after the load ended: "
                                 f"{dict(self.counts)}")

    def await_receipts(self, more, deadline=120):
        """Until so many more were given than now."""
        wanted = len(self.receipts) + more
        await_condition(lambda: len(self.receipts) >= wanted, deadline, f"{more} more receipts: {dict(self.counts)}")

    def adopt(self, key, receipt):
        """One that a row has sent by itself."""
        submission = Submission(self.seed, 0, self.units)
        submission.key, submission.receipt, submission.act = key, receipt, None
        with self.lock:
            self.receipts[key] = submission

    # Figures ---------------------------------------------------------------------------------------------------------
    def latencies(self, since=0.0, until=float("inf")):
        """Seconds, in order, of the answers in that time."""
        with self.lock:
            return sorted(took for at, took, _ in self.answers if since <= at <= until)

    def statuses(self, since=0.0):
        with self.lock:
            return collections.Counter(status for at, _, status in self.answers if at >= since)

    def longest_gap(self, since, until=None):
        """Seconds without any receipt, the longest, from `since` on."""
        with self.lock:
            times = sorted(at for at, _, status in self.answers if status in (200, 202) and at >= since)
        times = [since] + times + [until or time.monotonic()]
        return max(after - before for before, after in zip(times, times[1:]))

    # Clients ---------------------------------------------------------------------------------------------------------
    def _ask(self, client, *words):
        began = time.monotonic()
        answer = client.ask(*words)
        status = answer[0] if answer else "broken"
        with self.lock:
            self.answers.append((time.monotonic(), time.monotonic() - began, status))
            self.counts[status] += 1
            if status == "broken" or status >= 500:
                self.errors.append(f"{time.strftime('%H:%M:%S')} {words[1]} {status} after {time.monotonic() - began:.2f} s "
                                   f"{answer[2][:200] if answer else None}")
        return answer, status

    def _submit(self):
        client = Client(self.system.address)
        while not self.ending.is_set():
            with self.lock:
                number = next(self.numbers)
            # Paced by the number, never to catch up after a stall: a stall must not become a surge of our making.
            self.ending.wait(len(self.threads) / self.rate * random.Random(number).uniform(0.5, 1.5))
            self._see_through(client, Submission(self.seed, number, self.units))
        client.close()

    def _see_through(self, client, submission):
        headers = {"Content-Type": "application/json", "Idempotency-Key": submission.key}
        if submission.kind == "waiting":
            headers["Prefer"] = "wait=5"
        body = json.dumps(submission.fields, ensure_ascii=False).encode()
        while not self.given_up.is_set():
            answer, status = self._ask(client, "POST", f"/v1/campaigns/{self.campaign}/submissions", body, headers)
            if status in submission.wanted:
                self._take(submission, answer)
                return
            if status != "broken" and status not in SEND_AGAIN:
                self._surprise(f"{submission.kind} {submission.key}", answer)
                return
            self.given_up.wait(random.uniform(0.1, 0.5))
        with self.lock:
            self.unanswered.append(submission.key)

    def _surprise(self, what, answer):
        with self.lock:
            self.surprises.append(f"{what}: {answer[0]} {answer[2][:300].decode('utf-8', 'replace')}")

    def _take(self, submission, answer):
        with self.lock:
            if answer[0] == 422:
                self.refused.append(submission.key)
                return
            given = json.loads(answer[2])
            submission.receipt, submission.status = given, given.get("status")
            self.receipts[submission.key] = submission
        if submission.act is not None:
            self.to_review.put(submission)

    # Reviewers -------------------------------------------------------------------------------------------------------
    def _review(self):
        client = Client(self.system.address)
        while True:
            try:
                submission = self.to_review.get(timeout=0.2)
            except queue.Empty:
                if self.ending.is_set() and not any(thread.is_alive() for thread in self.threads):
                    client.close()
                    return
                continue
            self._decide(client, submission)

    def _decide(self, client, submission):
        """Until it is answered; before the machine's verdict there is nothing to decide."""
        body = json.dumps({"decision": submission.act, "reason": f"Đã xem xét {submission.key}"}).encode()
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.secret}"}
        path = f"/v1/submissions/{submission.receipt['tracking_code']}/review"
        while not self.given_up.is_set():
            answer, status = self._ask(client, "POST", path, body, headers)
            code = json.loads(answer[2]).get("code") if status == 409 else None
            if status == 200:
                with self.lock:
                    self.reviews.append((submission.receipt["id"], json.loads(answer[2])["revision"], submission.act))
                return
            # A token that was just made, and the time before the verdict, pass.
            if status not in SEND_AGAIN and status not in ("broken", 401) and code != "not_decided_yet":
                if code != "already_decided":
                    self._surprise(f"review {submission.key}", answer)
                return
            self.given_up.wait(random.uniform(0.2, 0.6))
