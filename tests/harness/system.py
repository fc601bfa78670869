"""A whole system in a run directory of its own, started by `sangkien up` as an operator would."""
import http.client
import json
import os
import shutil
import signal
import subprocess
import tempfile
import urllib.parse

import psycopg2
import redis

from .ports import free_port
from .process import BUILD
from .waiting import PATIENCE_S, await_condition

TOOL = os.path.join(BUILD, "sangkien")
UP_TIMEOUT_S = 180


class Answer:
    def __init__(self, response):
        self.status, self.headers = response.status, response.headers
        self.body = response.read()

    def json(self):
        return json.loads(self.body)


class System:
    def __init__(self, **settings):
        # Below /var/tmp as the standard one is, and as short.
        self.run = tempfile.mkdtemp(prefix="sk-", dir="/var/tmp")
        os.rmdir(self.run)
        self.address = f"127.0.0.1:{free_port()}"
        self.program = TOOL  # a test of upgrades goes by another one for a while
        self.env = {**os.environ, "SANGKIEN_RUN": self.run, "SANGKIEN_LISTEN": self.address, **settings}

    def tool(self, *words, check=True, timeout=600):
        """One command of the tool; the finished process with its texts."""
        done = subprocess.run([self.program, *words], env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=timeout, check=False)
        if check and done.returncode != 0:
            raise AssertionError(f"sangkien {' '.join(words)} ended with {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def up(self):
        self.tool("up", timeout=UP_TIMEOUT_S)
        return self

    def remove(self):
        if os.path.isdir(self.run):
            self.tool("down", check=False, timeout=UP_TIMEOUT_S)
            self._end_what_is_left()
            shutil.rmtree(self.run, ignore_errors=True)

    def _end_what_is_left(self):
        """Only processes whose program or words lie in our run directory."""
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    words = file.read().decode("utf-8", "replace")
            except OSError:
                continue
            if self.run + "/" in words and int(pid) != os.getpid():
                os.kill(int(pid), signal.SIGKILL)

    def key_pair(self, service):
        """(public, secret) of its edges."""
        parts = []
        for suffix in ("public", "secret"):
            with open(f"{self.run}/keys/{service}.{suffix}", "rb") as file:
                parts.append(file.read().strip())
        return tuple(parts)

    # What the tests look at --------------------------------------------------------------------------------------------
    def request(self, method, path, body=None, headers=None, timeout=PATIENCE_S):
        connection = http.client.HTTPConnection(self.address, timeout=timeout)
        try:
            if isinstance(body, (dict, list)):
                body = json.dumps(body, ensure_ascii=False).encode()
                headers = {"Content-Type": "application/json", **(headers or {})}
            connection.request(method, path, body, headers or {})
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def get(self, path, **query):
        text = "?" + urllib.parse.urlencode(query) if query else ""
        return self.request("GET", path + text)

    def submit(self, campaign, fields, **headers):
        return self.request("POST", f"/v1/campaigns/{campaign}/submissions", fields,
                            {name.replace("_", "-"): value for name, value in headers.items()})

    def decided(self, campaign, fields, **headers):
        """The receipt and the decision, as `Prefer: wait` gives them or, where that took too long, as tracking does."""
        answer = self.submit(campaign, fields, Prefer="wait=10", **headers)
        assert answer.status in (200, 202), answer.body
        receipt = answer.json()

        def status():
            tracked = self.get(receipt["status_url"]).json()
            return tracked if tracked["status"] != "received" else None
        return receipt if answer.status == 200 else {**receipt, **await_condition(status, what="the decision")}

    def board(self, campaign, **query):
        answer = self.get(f"/v1/campaigns/{campaign}/board", **query)
        assert answer.status == 200, answer.body
        return answer.json()

    def connect(self, **options):
        """A connection of the schema's owner."""
        return psycopg2.connect(f"host={self.run}/sock dbname=sangkien user=sk_owner passfile={self._own_pgpass()}", **options)

    def query(self, sql, values=None):
        connection = self.connect()
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(sql, values)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def _own_pgpass(self):
        """libpq takes a password file only from its own user."""
        own = os.path.join(self.run, f"pgpass-of-{os.geteuid()}")
        if not os.path.exists(own):
            shutil.copyfile(os.path.join(self.run, "keys", "owner.pgpass"), own)
            os.chmod(own, 0o600)
        return own

    def redis(self):
        with open(os.path.join(self.run, "keys", "redis-control.password"), encoding="ascii") as file:
            password = file.read().strip()
        return redis.Redis(unix_socket_path=f"{self.run}/sock/redis.sock", username="control", password=password)

    # What the tests do to it -------------------------------------------------------------------------------------------
    def instances(self):
        """Names of the service instances, in the order of the pipeline, ready or not."""
        done = self.tool("status", "--json", check=False)
        return [row["instance"] for row in json.loads(done.stdout)["instances"]]

    def pid(self, name):
        done = subprocess.run(["s6-svstat", "-o", "pid", f"{self.run}/s6/{name}"], capture_output=True, text=True, check=True)
        return int(done.stdout)

    def environment(self, name):
        """What s6 gives an instance, for another process like it."""
        folder, env = f"{self.run}/services/{name}/env", {"PATH": "/usr/bin:/bin"}
        for variable in os.listdir(folder):
            with open(os.path.join(folder, variable), encoding="utf-8") as file:
                env[variable] = file.read().rstrip("\n")
        return env

    def resident_bytes(self, name):
        with open(f"/proc/{self.pid(name)}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def kill(self, name):
        """kill -9 of one instance or server; s6 starts it again."""
        pid = self.pid(name)
        if pid > 0:
            os.kill(pid, signal.SIGKILL)
        return pid

    def restart_with(self, name, **settings):
        """One instance alone with other settings; None takes a setting back."""
        for variable, value in settings.items():
            path = f"{self.run}/services/{name}/env/{variable}"
            if value is not None:
                with open(path, "w", encoding="utf-8") as file:
                    file.write(value + "\n")
            elif os.path.exists(path):
                os.unlink(path)
        before = self.pid(name)
        self.control(name, "-r")
        await_condition(lambda: self.pid(name) not in (before, -1, 0), 60, f"{name} to be started again")

    def admin(self, instance, path):
        """What an instance's admin port answers."""
        with open(f"{self.run}/instances/{instance}", encoding="ascii") as file:
            host, port = file.read().strip().rsplit(":", 1)
        connection = http.client.HTTPConnection(host, int(port), timeout=PATIENCE_S)
        try:
            connection.request("GET", path)
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def metrics(self, instance):
        """All figures of an instance: {'name{labels}': value}."""
        text = self.admin(instance, "/metrics").body.decode()
        pairs = (line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))
        return {name: float(value) for name, value in pairs}

    def metric(self, instance, name):
        """One of them; None: it has no such."""
        return self.metrics(instance).get(name)

    def control(self, name, option):
        subprocess.run(["s6-svc", option, f"{self.run}/s6/{name}"], check=True)

    def await_ready(self, name, deadline=60):
        def ready():
            done = subprocess.run(["s6-svstat", "-o", "ready", f"{self.run}/s6/{name}"], capture_output=True, text=True,
                                  check=True)
            return done.stdout.strip() == "true"
        await_condition(ready, deadline, f"{name} to be ready")

    def await_decided(self, campaign, deadline=120):
        def decided():
            (pending,), = self.query(
                "SELECT count(*) FROM submission s JOIN campaign c ON c.id = s.campaign_id WHERE c.code = %s AND NOT EXISTS "
                "(SELECT FROM decision d WHERE d.submission_id = s.id) AND NOT EXISTS "
                "(SELECT FROM quarantine q WHERE q.submission_id = s.id AND q.released_at IS NULL)", (campaign,))
            return pending == 0
        await_condition(decided, deadline, "every submission to be decided")

    def log(self, name):
        with open(f"{self.run}/log/{name}/current", encoding="utf-8", errors="replace") as file:
            return file.read()

    # What always holds -------------------------------------------------------------------------------------------------
    def recount(self, campaign):
        """The whole campaign from submissions and newest decisions alone: {unit code: (entered, counted, people)}."""
        rows = self.query("""
            WITH RECURSIVE newest AS (
                SELECT DISTINCT ON (submission_id) submission_id, status FROM decision ORDER BY submission_id, revision DESC),
            above AS (
                SELECT u.campaign_id, u.id AS leaf, u.id AS unit, u.parent_id FROM unit u
                UNION ALL SELECT a.campaign_id, a.leaf, p.id, p.parent_id FROM above a
                JOIN unit p ON p.campaign_id = a.campaign_id AND p.id = a.parent_id)
            SELECT u.code, count(*), count(*) FILTER (WHERE n.status = 2), count(DISTINCT s.person) FILTER (WHERE n.status = 2)
            FROM submission s JOIN newest n ON n.submission_id = s.id
            JOIN above a ON a.campaign_id = s.campaign_id AND a.leaf = s.unit_id
            JOIN unit u ON u.campaign_id = s.campaign_id AND u.id = a.unit
            JOIN campaign c ON c.id = s.campaign_id WHERE c.code = %s GROUP BY u.code""", (campaign,))
        return {code: (entered, counted, people) for code, entered, counted, people in rows}

    def assert_board_is_recount(self, campaign, parents=("",), deadline=10):
        """The board over HTTP, marked current, equals the recount, for the children of each parent."""
        def equal():
            truth = self.recount(campaign)
            for parent in parents:
                query = {"parent": parent} if parent else {}
                board = self.board(campaign, limit=1000, **query)
                assert board["current"] is True, board["source"]
                for row in board["rows"]:
                    shown = (row["entered"], row["counted"], row["people"])
                    assert shown == truth.get(row["unit"], (0, 0, 0)), row["unit"]
            return True
        await_condition(equal, deadline, "the board to equal the recount")

    def assert_exact_copies_count_once(self, campaign):
        """Of equal texts (as digests of the index) exactly the earliest received counts or is under review."""
        wrong = self.query("""
            WITH newest AS (
                SELECT DISTINCT ON (submission_id) submission_id, status FROM decision ORDER BY submission_id, revision DESC),
            folded AS (
                SELECT s.id, s.received_at, n.status, regexp_replace(lower(s.description), '\\s+', ' ', 'g') AS text
                FROM submission s JOIN newest n ON n.submission_id = s.id JOIN campaign c ON c.id = s.campaign_id
                WHERE c.code = %s AND n.status IN (1, 2, 4)),
            ranked AS (SELECT *, row_number() OVER (PARTITION BY text ORDER BY received_at, id) AS place FROM folded)
            SELECT id FROM ranked WHERE place > 1 AND status = 2""", (campaign,))
        assert wrong == [], f"{len(wrong)} later copies count"

    def assert_one_verdict_each(self, campaign):
        wrong = self.query("""
            SELECT s.id, count(d.*) FROM submission s JOIN campaign c ON c.id = s.campaign_id
            LEFT JOIN decision d ON d.submission_id = s.id AND d.revision = 1
            WHERE c.code = %s GROUP BY s.id HAVING count(d.*) <> 1""", (campaign,))
        assert wrong == [], (len(wrong), self.query("SELECT stage, reason, attempts, count(*) FROM quarantine GROUP BY 1, 2, 3"))

    def assert_no_drift(self):
        done = self.tool("audit", "--json", check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def assert_all_laws(self, campaign, parents=("",)):
        self.await_decided(campaign)
        self.assert_one_verdict_each(campaign)
        self.assert_exact_copies_count_once(campaign)
        self.assert_board_is_recount(campaign, parents, deadline=30)
        self.assert_no_drift()
