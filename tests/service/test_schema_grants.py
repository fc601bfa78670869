"""Would catch: a login that may do more than its service needs (a hole in one service becomes one in all), or less."""
import psycopg2
import psycopg2.errors
import pytest
from harness.postgresql import SERVICES

ID = "'00000000-0000-0000-0000-000000000001'"
REFERENCE = ("campaign", "unit", "unit_tree", "quota_target", "reference_version")
TABLES = ("campaign", "campaign_history", "unit", "unit_tree", "unit_past", "unit_move_history", "quota_target", "quota_plan", "quota_plan_history", "quota_round",
          "member_count", "reference_version", "token", "token_version", "submission",
          "idempotency_key", "decision", "candidate", "signature", "exact_text", "person", "participation", "unit_total", "unit_day", "campaign_hour", "unit_round",
          "board", "index_shard", "frequency_snapshot", "role_lease", "quarantine", "outbox", "officer", "officer_event",
          "audit_log", "audit_head")

# What each service does in its work, by the login it does it with.
NEEDED = {
    "intake": [
        "SELECT secret_hash, role, campaign_id, unit_id, expires_at, revoked_at FROM token",
        "INSERT INTO idempotency_key SELECT 1, 'k', '', " + ID + ", now() WHERE false ON CONFLICT DO NOTHING",
        "COPY submission TO STDOUT",
        "INSERT INTO submission (id, campaign_id, unit_id, received_at, person, sealed, block, description, "
        "has_national_id) SELECT " + ID + ", 1, 1, now(), '', '', 0, '', false WHERE false",
        "SELECT s.id FROM submission s LEFT JOIN decision d ON d.submission_id = s.id AND d.revision = 1 "
        "LEFT JOIN quarantine q ON q.submission_id = s.id WHERE d.submission_id IS NULL ORDER BY s.id",
        "INSERT INTO role_lease VALUES ('sweeper', 1, " + ID + ", now()) ON CONFLICT (role) DO UPDATE "
        "SET epoch = role_lease.epoch + 1",
        "INSERT INTO outbox (id, campaign_id, submission_id, event, channel, event_key) "
        "SELECT " + ID + ", 1, " + ID + ", 'receipt', 'sms', 'r' ON CONFLICT DO NOTHING",
        "INSERT INTO quarantine (submission_id, stage, reason) VALUES (" + ID + ", 'intake', 'x') "
        "ON CONFLICT (submission_id, stage) DO UPDATE SET attempts = quarantine.attempts + 1, reason = 'x', at = now()",
    ],
    "validation": [
        "INSERT INTO quarantine (submission_id, stage, reason) VALUES (" + ID + ", 'validation', 'x') "
        "ON CONFLICT (submission_id, stage) DO UPDATE SET attempts = quarantine.attempts + 1",
    ],
    "deduplication": [
        "SELECT id, description FROM submission WHERE id = " + ID,
        "SELECT DISTINCT ON (submission_id) status FROM decision ORDER BY submission_id, revision DESC",
        "SELECT submission_id, digest, sketch FROM signature",
        "SELECT resembles, score FROM candidate",
        "INSERT INTO index_shard VALUES (0, 1, 'a') ON CONFLICT (shard) DO UPDATE SET epoch = index_shard.epoch + 1",
        "INSERT INTO frequency_snapshot (number, documents, counters) VALUES (1, 0, '')",
    ],
    "quota": [
        "SELECT epoch FROM index_shard FOR SHARE",
        "INSERT INTO decision (submission_id, revision, campaign_id, unit_id, status, phase, rules_version, decided_at) "
        "VALUES (" + ID + ", 1, 1, 1, 2, 0, 1, now()) ON CONFLICT DO NOTHING RETURNING submission_id",
        "SELECT revision FROM decision FOR UPDATE",
        "INSERT INTO candidate SELECT * FROM candidate",
        "INSERT INTO exact_text VALUES (1, 0, '', " + ID + ", now()) ON CONFLICT (campaign_id, scope, digest) "
        "DO UPDATE SET submission_id = excluded.submission_id",
        "DELETE FROM exact_text",
        "INSERT INTO person VALUES (1, 'p') ON CONFLICT DO NOTHING",
        "SELECT person FROM person FOR UPDATE",
        "UPDATE participation SET counted = counted + 1",
        "INSERT INTO unit_day AS t VALUES (1, 1, '2022-01-08', 1, 1, 1, 1) ON CONFLICT (campaign_id, unit_id, day, phase) "
        "DO UPDATE SET counted = t.counted + EXCLUDED.counted RETURNING least(counted, people, newcomers)",
        "INSERT INTO unit_round AS t VALUES (1, 1, 1, '2022-01-08', 1) ON CONFLICT (campaign_id, unit_id, round, day) "
        "DO UPDATE SET people = t.people + EXCLUDED.people RETURNING people",
        "INSERT INTO unit_total (campaign_id, unit_id, phase, entered, counted) VALUES (1, 1, 0, 1, 1) "
        "ON CONFLICT (campaign_id, unit_id, phase) DO UPDATE SET entered = unit_total.entered + 1, "
        "counted = unit_total.counted + 1",
        "UPDATE board SET version = version + 1, moved_at = now() RETURNING version",
        "INSERT INTO campaign_hour AS h VALUES (1, now(), 1) ON CONFLICT (campaign_id, hour) DO UPDATE "
        "SET counted = h.counted + EXCLUDED.counted",
        "DELETE FROM campaign_hour WHERE hour < now()",
        "INSERT INTO outbox (id, campaign_id, event, channel, event_key) SELECT " + ID + ", 1, 'verdict', 'smtp', 'k'",
        "SELECT person, applied_on FROM submission",
        "SELECT number, hash FROM audit_head FOR UPDATE",
        "INSERT INTO audit_log VALUES (1, now(), " + ID + ", 'count', 1, " + ID + ", 2, 1, 2, 'x', '', '')",
        "UPDATE audit_head SET number = 1, hash = ''",
    ],
    "notification": [
        "UPDATE outbox SET state = 1, sent_at = now() WHERE state = 0",
        "INSERT INTO outbox (id, campaign_id, officer_id, event, channel, event_key, facts) SELECT " + ID + ", 1, " + ID +
        ", 'weekly', 'mail', 'w', '{}' ON CONFLICT DO NOTHING",
        "SELECT o.sealed, t.counted, d.people FROM officer o, unit_total t, unit_day d, quota_target q",
        "INSERT INTO officer_event SELECT * FROM officer_event WHERE false ON CONFLICT DO NOTHING RETURNING unit_id",
        "INSERT INTO role_lease VALUES ('planner', 1, " + ID + ", now()) ON CONFLICT (role) DO UPDATE "
        "SET epoch = role_lease.epoch + 1",
        "SELECT version FROM board",
        "SELECT id, sealed FROM submission",
        "SELECT status, reasons FROM decision",
    ],
    "leaderboard": [
        "SELECT version FROM board",
        "SELECT entered, counted, people FROM unit_total",
        "SELECT sum(counted), sum(people), sum(newcomers) FROM unit_day WHERE day > '2022-01-01'",
        "SELECT hour, counted FROM campaign_hour",
        "SELECT number, name_vi, first_day FROM quota_round",
        "SELECT sum(people) FROM unit_round",
        "SELECT id, received_at FROM submission",
        "SELECT status, reasons FROM decision",
        "SELECT secret_hash FROM token",
    ],
}

# What each must never do: the first words say why.
FORBIDDEN = {
    "a submission is written once, by intake": [
        ("intake", "UPDATE submission SET received_at = now()"), ("intake", "DELETE FROM submission"),
        ("quota", "UPDATE submission SET unit_id = 1"), ("quota", "INSERT INTO submission SELECT * FROM submission"),
        ("validation", "UPDATE submission SET description = ''"), ("leaderboard", "DELETE FROM submission"),
        ("notification", "UPDATE submission SET sealed = ''"),
    ],
    "personal data are read by notification alone": [
        ("leaderboard", "SELECT sealed FROM submission"), ("quota", "SELECT sealed FROM submission"),
        ("deduplication", "SELECT sealed FROM submission"), ("validation", "SELECT sealed FROM submission"),
        ("leaderboard", "SELECT person FROM submission"), ("notification", "SELECT person FROM submission"),
        ("leaderboard", "SELECT description FROM submission"), ("leaderboard", "SELECT * FROM submission"),
        ("leaderboard", "SELECT person FROM participation"), ("leaderboard", "SELECT sealed FROM officer"),
        ("quota", "SELECT sealed FROM officer"), ("intake", "SELECT sealed FROM officer"),
    ],
    "validation is pure": [("validation", "SELECT id FROM submission"), ("validation", "SELECT status FROM decision"),
                           ("validation", "SELECT id FROM token")],
    "quota alone writes decisions and totals": [
        (service, statement) for service in SERVICES if service != "quota" for statement in (
            "INSERT INTO decision (submission_id, revision, campaign_id, unit_id, status, phase, rules_version, "
            "decided_at) VALUES (" + ID + ", 1, 1, 1, 2, 0, 1, now())",
            "UPDATE unit_total SET counted = 0", "UPDATE unit_day SET counted = 0", "DELETE FROM campaign_hour",
            "UPDATE unit_round SET people = 0", "UPDATE board SET version = 0",
            "INSERT INTO person VALUES (1, 'p')", "DELETE FROM participation", "DELETE FROM exact_text",
            "INSERT INTO signature SELECT * FROM signature", "INSERT INTO candidate VALUES (" + ID + ", 1, " + ID + ", 1)")
    ],
    "a decision is never changed": [("quota", "UPDATE candidate SET score = 1"), ("quota", "UPDATE decision SET status = 2"), ("quota", "DELETE FROM decision"),
                                    ("quota", "UPDATE decision SET revision = revision + 1")],
    "what a person decided is told for ever": [
        (service, statement) for service in SERVICES for statement in (
            "UPDATE audit_log SET reason = ''", "UPDATE audit_log SET number = number + 1", "DELETE FROM audit_log",
            "TRUNCATE audit_log", "DELETE FROM audit_head", "INSERT INTO audit_head VALUES (true, 0, '')",
            "UPDATE audit_head SET one = true")
    ] + [(service, statement) for service in SERVICES if service != "quota" for statement in (
        "INSERT INTO audit_log SELECT * FROM audit_log", "SELECT reason FROM audit_log", "UPDATE audit_head SET number = 0")],
    "an epoch is its owner's": [("quota", "UPDATE index_shard SET epoch = 0"), ("intake", "SELECT epoch FROM index_shard"),
                                ("deduplication", "DELETE FROM index_shard")],
    "an event is told of once for ever": [("intake", "SELECT id FROM outbox"), ("intake", "UPDATE outbox SET state = 0"),
                                          ("notification", "DELETE FROM outbox"), ("quota", "UPDATE outbox SET state = 0"),
                                          ("leaderboard", "SELECT id FROM outbox"),
                                          ("notification", "DELETE FROM officer"),
                                          ("notification", "DELETE FROM officer_event"),
                                          ("notification", "UPDATE officer_event SET day = day + 1"),
                                          ("quota", "SELECT unit_id FROM officer_event")],
    "poison is never dropped": [(service, "DELETE FROM quarantine") for service in SERVICES] +
                               [("intake", "UPDATE quarantine SET stage = ''"), ("leaderboard", "SELECT reason FROM quarantine")],
    "tokens are the operators'": [("intake", "INSERT INTO token (id, secret_hash, role, expires_at) VALUES (" + ID +
                                   ", '', 'operator', now())"),
                                  ("intake", "UPDATE token SET revoked_at = NULL"), ("quota", "SELECT id FROM token"),
                                  ("notification", "SELECT secret_hash FROM token")],
    "rules are the operators'": [(service, f"DELETE FROM {table}") for service in SERVICES for table in REFERENCE] +
                                [("intake", "UPDATE campaign SET source = ''"),
                                 ("quota", "UPDATE quota_target SET target = 0"),
                                 ("leaderboard", "SELECT source FROM campaign_history")],
    "no service owns anything": [(service, statement) for service in SERVICES for statement in
                                 ("CREATE TABLE mine (a int)", "DROP TABLE board", "TRUNCATE decision",
                                  "ALTER TABLE board ADD b int", "SET ROLE sk_owner", "CREATE ROLE other")],
}


def attempt(server, service, statement):
    """Runs it as the service and takes it back; raises what PostgreSQL raises."""
    connection = server.connect("sk_" + service)
    try:
        with connection.cursor() as cursor:
            if statement.startswith("COPY"):
                with open("/dev/null", "wb") as nowhere:
                    cursor.copy_expert(statement, nowhere)
            else:
                cursor.execute(statement)
    finally:
        connection.rollback()
        connection.close()


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_may_do_its_work(shared_postgresql, service):
    for table in REFERENCE:
        attempt(shared_postgresql, service, f"SELECT * FROM {table}")
    for statement in NEEDED[service]:
        attempt(shared_postgresql, service, statement)


@pytest.mark.parametrize("law", FORBIDDEN)
def test_forbidden_verbs_are_refused(shared_postgresql, law):
    for service, statement in FORBIDDEN[law]:
        try:
            attempt(shared_postgresql, service, statement)
        except psycopg2.errors.InsufficientPrivilege:
            continue
        pytest.fail(f"sk_{service} could: {statement}")


def test_every_table_is_known_here(shared_postgresql):
    """A new table must be thought of in this file."""
    found = {row[0] for row in shared_postgresql.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}
    assert found == set(TABLES)


def test_nobody_may_delete_or_truncate_but_quota_its_working_tables(shared_postgresql):
    rows = shared_postgresql.query(
        "SELECT grantee, table_name FROM information_schema.role_table_grants WHERE grantee LIKE 'sk\\_%' "
        "AND grantee <> 'sk_owner' AND privilege_type IN ('DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER')")
    assert set(rows) == {("sk_quota", "exact_text"), ("sk_quota", "participation"), ("sk_quota", "campaign_hour")}


def test_the_public_role_has_nothing(shared_postgresql):
    assert shared_postgresql.query("SELECT table_name FROM information_schema.role_table_grants "
                                   "WHERE grantee = 'PUBLIC' AND table_schema = 'public'") == []
