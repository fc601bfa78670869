"""An oracle for quota: counts everything anew from submissions and latest decisions, in Python, sharing no code or SQL
with what it checks."""
import collections

COLUMNS = ("entered", "under_review", "counted", "rejected", "duplicate", "revoked", "people")
STATUS = {1: "under_review", 2: "counted", 3: "rejected", 4: "duplicate", 5: "revoked"}


def parents(server, campaign):
    return dict(server.query("SELECT id, parent_id FROM unit WHERE campaign_id = %s", (campaign,)))


def latest_decisions(server, campaign):
    """[(submission, unit, phase, status, person)]"""
    rows = server.query("SELECT d.submission_id, d.revision, d.unit_id, d.phase, d.status, s.person FROM decision d "
                        "JOIN submission s ON s.id = d.submission_id WHERE d.campaign_id = %s", (campaign,))
    latest = {}
    for submission, revision, *rest in rows:
        if submission not in latest or latest[submission][0] < revision:
            latest[submission] = (revision, *rest)
    return [(submission, unit, phase, status, bytes(person))
            for submission, (_, unit, phase, status, person) in latest.items()]


def recount(server, campaign):
    """{(unit, phase): [by COLUMNS]}"""
    up = parents(server, campaign)
    totals = collections.defaultdict(collections.Counter)
    people = collections.defaultdict(set)
    for _, unit, phase, status, person in latest_decisions(server, campaign):
        while unit:
            for part in {0, phase}:
                totals[unit, part]["entered"] += 1
                totals[unit, part][STATUS[status]] += 1
                if STATUS[status] == "counted":
                    people[unit, part].add(person)
            unit = up[unit]
    return {key: [counter[column] for column in COLUMNS[:-1]] + [len(people[key])] for key, counter in totals.items()}


def recount_rounds(server, campaign):
    """{(unit, round): people}, where there are any"""
    up, people = parents(server, campaign), collections.defaultdict(set)
    days = dict(server.query("SELECT id, (received_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date FROM submission "
                             "WHERE campaign_id = %s", (campaign,)))
    for number, first, last in server.query("SELECT number, first_day, last_day FROM quota_round WHERE campaign_id = %s",
                                            (campaign,)):
        for submission, unit, _, status, person in latest_decisions(server, campaign):
            while unit and STATUS[status] == "counted" and first <= days[submission] <= last:
                people[unit, number].add(person)
                unit = up[unit]
    return {key: len(found) for key, found in people.items()}


def stored_rounds(server, campaign):
    return {(unit, number): int(people) for unit, number, people in server.query(
        "SELECT unit_id, round, sum(people) FROM unit_round WHERE campaign_id = %s GROUP BY 1, 2 HAVING sum(people) <> 0",
        (campaign,))}


def stored_totals(server, campaign):
    rows = server.query(f"SELECT unit_id, phase, {', '.join(COLUMNS)} FROM unit_total WHERE campaign_id = %s",
                        (campaign,))
    return {(unit, phase): list(values) for unit, phase, *values in rows}


def board_version(server, campaign):
    rows = server.query("SELECT version FROM board WHERE campaign_id = %s", (campaign,))
    return rows[0][0] if rows else 0


def board(client, campaign):
    """(applied, {(unit, phase): [entered, counted, people]}) at one moment; (None, {}) where there is none."""
    base = f"board:{{c{campaign}}}:"
    script = ("local meta = redis.call('HMGET', KEYS[1], 'generation', 'applied') if not meta[2] then return {} end "
              "local all = {meta[2]} for _, key in ipairs(redis.call('SMEMBERS', ARGV[1] .. 'g' .. meta[1] .. ':keys')) "
              "do all[#all + 1] = key all[#all + 1] = redis.call('HGETALL', key) end return all")
    found = client.eval(script, 1, base + "meta", base)
    if not found:
        return None, {}
    rows = {}
    for key, fields in zip(found[1::2], found[2::2]):
        phase = int(key.decode().split(":")[-1])
        for unit, figures in zip(fields[::2], fields[1::2]):
            _, entered, counted, people, _ = map(int, figures.split())
            rows[int(unit), phase] = [entered, counted, people]
    return int(found[0]), rows


def expected_board(server, campaign):
    return {key: [row[0], row[2], row[6]] for key, row in recount(server, campaign).items()}
