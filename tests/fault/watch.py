"""Looks at the board all the time, as the public sees it, and beside it recounts in PostgreSQL: law 5.

An answer that says it is current must be the recount at its version, between its neighbours where there is no recount of just
that version, not older than what PostgreSQL had a while before it was asked for, and never a step back.
"""
import bisect
import json
import threading
import time

import psycopg2

from .load import Client

# Entered, counted and people of the nation and of each unit below it, from submissions and newest decisions alone.
RECOUNT = """
WITH newest AS (SELECT DISTINCT ON (submission_id) submission_id, status FROM decision WHERE campaign_id = %(campaign)s
                ORDER BY submission_id, revision DESC),
     top AS (SELECT * FROM unnest(%(leaves)s::int[], %(tops)s::text[]) AS t(leaf, code))
SELECT coalesce(t.code, ''), count(*), count(*) FILTER (WHERE n.status = 2), count(DISTINCT s.person) FILTER (WHERE n.status = 2)
FROM newest n JOIN submission s ON s.id = n.submission_id JOIN top t ON t.leaf = s.unit_id
GROUP BY GROUPING SETS ((t.code), ())"""
STALE_S = 3.0  # leaderboard looks every 250 ms and believes what it saw for 1.5 s


class Watch:
    def __init__(self, system, campaign="demo", patience=1.0, readers=1):
        self.system, self.campaign, self.patience, self.readers = system, campaign, patience, readers
        self.ending = threading.Event()
        self.truths, self.answers, self.proofs, self.wrong = [], [], [], []
        self.connection = None
        self.campaign_id, = system.query("SELECT id FROM campaign WHERE code = %s", (campaign,))[0]
        self.leaves, self.tops = self._tops()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _tops(self):
        rows = self.system.query("SELECT id, parent_id, code FROM unit WHERE campaign_id = %s", (self.campaign_id,))
        parent, code = {row[0]: row[1] for row in rows}, {row[0]: row[2] for row in rows}
        tops = {}
        for unit in parent:
            at = unit
            while parent[at] and parent[parent[at]]:
                at = parent[at]
            tops[unit] = code[at]
        return list(tops), list(tops.values())

    def start(self):
        self.thread.start()
        return self

    def end(self):
        self.ending.set()
        self.thread.join(60)

    def proved_since(self, instant):
        """When first after `instant` a current board was the recount, exactly; None: not yet."""
        return next((at for at in list(self.proofs) if at >= instant), None)

    def violations(self):
        """What was wrong, in words."""
        wrong = list(self.wrong)
        truths = sorted(self.truths, key=lambda truth: truth[1])
        versions = [version for _, version, _ in truths]
        for asked, version, figures in self.answers:
            at = bisect.bisect_left(versions, version)
            if at < len(truths) and versions[at] == version:
                if truths[at][2] != figures:
                    wrong.append(f"version {version} shows {differences(truths[at][2], figures)}")
            else:
                wrong += between(figures, truths[at - 1][2] if at else {}, truths[at][2] if at < len(truths) else None, version)
        wrong += self._stale() + self._back()
        return wrong

    def _stale(self):
        """PostgreSQL's version grows, so the newest one known early enough is the least an answer may have."""
        wrong, known, newest = [], sorted((at, version) for at, version, _ in self.truths), 0
        for asked, version, _ in sorted(self.answers, key=lambda answer: answer[0]):
            while newest < len(known) and known[newest][0] < asked - STALE_S * self.patience:
                newest += 1
            if newest and version < known[newest - 1][1]:
                wrong.append(f"version {version} was called current when {known[newest - 1][1]} was "
                             f"{asked - known[newest - 1][0]:.1f} s old")
        return wrong

    def _back(self):
        """Of several readers each has its own 250 ms; one never steps back."""
        if self.readers > 1:
            return []
        versions = [version for _, version, _ in self.answers]
        return [f"a step back from version {before} to {after}" for before, after in zip(versions, versions[1:])
                if after < before]

    # The thread ------------------------------------------------------------------------------------------------------
    def _run(self):
        client = Client(self.system.address, timeout=10)
        while not self.ending.is_set():
            began = time.monotonic()
            self._look(client, began)
            # A fifth of the machine at most.
            self.ending.wait(max(0.05, 4 * (time.monotonic() - began)))
        client.close()
        if self.connection is not None:
            self.connection.close()

    def _look(self, client, asked):
        answer = client.ask("GET", f"/v1/campaigns/{self.campaign}/board?limit=1000")
        board = json.loads(answer[2]) if answer and answer[0] == 200 else None
        if answer and answer[0] not in (200, 503, 504):
            self.wrong.append(f"the board answered {answer[0]}")
        shown = figures_of(board) if board and board["current"] else None
        if shown is not None:
            self.answers.append((asked, board["version"], shown))
        try:
            seen, version, figures = self._truth()
        except psycopg2.Error:
            self.connection = None
            return
        self.truths.append((seen, version, figures))
        if shown is not None and board["version"] == version and shown == figures:
            self.proofs.append(time.monotonic())

    def _truth(self):
        """(when the version was there, version, recount) of one snapshot."""
        if self.connection is None or self.connection.closed:
            self.connection = self.system.connect(options="-c statement_timeout=20000")
            self.connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute("SELECT coalesce((SELECT version FROM board WHERE campaign_id = %s), 0)", (self.campaign_id,))
            (version,), seen = cursor.fetchone(), time.monotonic()
            cursor.execute(RECOUNT, {"campaign": self.campaign_id, "leaves": self.leaves, "tops": self.tops})
            return seen, version, {code: tuple(row) for code, *row in cursor.fetchall() if row[0]}


def figures_of(board):
    """{code: (entered, counted, people)} of what is not nought; "" is the whole."""
    rows = {row["unit"]: row for row in board["rows"]}
    rows[""] = board["total"]
    return {code: (row["entered"], row["counted"], row["people"]) for code, row in rows.items() if row["entered"]}


def differences(truth, shown):
    return ", ".join(f"{code or 'all'}: {shown.get(code)} for {truth.get(code)}" for code in {*truth, *shown}
                     if truth.get(code) != shown.get(code))


def between(figures, before, after, version):
    """`entered` never falls from version to version."""
    wrong = [f"version {version} shows {code or 'all'} with {figures.get(code, (0,))[0]} entered, an earlier one had {row[0]}"
             for code, row in before.items() if figures.get(code, (0,))[0] < row[0]]
    if after is not None:
        wrong += [f"version {version} shows {code or 'all'} with {row[0]} entered, a later one has {after.get(code, (0,))[0]}"
                  for code, row in figures.items() if row[0] > after.get(code, (0,))[0]]
    return wrong
