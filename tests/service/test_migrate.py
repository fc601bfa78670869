"""Would catch: a migration that is half applied, applied twice, changed afterwards, or applied by two at once."""
import concurrent.futures
import os

import pytest
from harness.control import Control
from harness.process import ROOT

ONE = "CREATE TABLE one (a int);\nINSERT INTO one VALUES (1);\n"
TWO = "ALTER TABLE one ADD b int;\n"
BROKEN = "CREATE TABLE two (a int);\nINSERT INTO one VALUES (2);\nINSERT INTO nowhere VALUES (1);\nCREATE TABLE three (a int);\n"


@pytest.fixture
def control(empty_postgresql):
    return Control(empty_postgresql.directory)


@pytest.fixture
def folder(control):
    control.write("schema/0001_one.sql", ONE)
    return control.directory.below("schema")


def names(server):
    return [row[0] for row in server.query("SELECT name FROM migration ORDER BY number")]


def test_each_file_is_applied_once_in_order(control, folder, empty_postgresql):
    control.write("schema/0002_two.sql", TWO)
    control.write("schema/notes.txt", "not a migration")
    assert control.do("migrate", "--from", folder).split("\n")[:2] == ["applied 0001_one.sql", "applied 0002_two.sql"]
    assert "nothing" in control.do("migrate", "--from", folder)
    assert names(empty_postgresql) == ["0001_one.sql", "0002_two.sql"]
    assert empty_postgresql.query("SELECT a, b FROM one") == [(1, None)]


def test_one_that_fails_half_way_leaves_nothing(control, folder, empty_postgresql):
    control.write("schema/0002_broken.sql", BROKEN)
    control.write("schema/0003_later.sql", TWO)
    code, _, complaints = control.run("migrate", "--from", folder)
    assert code == 1
    assert "0002_broken.sql failed, and nothing of it is applied" in complaints and "nowhere" in complaints
    assert names(empty_postgresql) == ["0001_one.sql"]
    assert empty_postgresql.query("SELECT a FROM one") == [(1,)]
    assert empty_postgresql.query("SELECT to_regclass('two'), to_regclass('three')") == [(None, None)]
    control.write("schema/0002_broken.sql", "CREATE TABLE two (a int);\n")
    control.do("migrate", "--from", folder)
    assert names(empty_postgresql) == ["0001_one.sql", "0002_broken.sql", "0003_later.sql"]


def test_a_changed_file_is_refused(control, folder, empty_postgresql):
    control.do("migrate", "--from", folder)
    control.write("schema/0001_one.sql", ONE + "-- a word more\n")
    control.write("schema/0002_two.sql", TWO)
    code, _, complaints = control.run("migrate", "--from", folder)
    assert code == 65 and "0001_one.sql was changed" in complaints
    assert names(empty_postgresql) == ["0001_one.sql"]


def test_a_missing_or_late_file_is_refused(control, folder, empty_postgresql):
    control.write("schema/0003_two.sql", TWO)
    control.do("migrate", "--from", folder)
    control.write("schema/0002_late.sql", "CREATE TABLE late (a int);\n")
    code, _, complaints = control.run("migrate", "--from", folder)
    assert code == 65 and "0002_late.sql comes before" in complaints
    os.unlink(control.directory.below("schema/0002_late.sql"))
    assert empty_postgresql.query("SELECT to_regclass('late')") == [(None,)]
    os.unlink(control.directory.below("schema/0001_one.sql"))
    code, _, complaints = control.run("migrate", "--from", folder)
    assert code == 65 and "0001_one.sql, which is not among the files" in complaints


def test_an_older_tool_leaves_a_newer_schema_as_it_is(control, folder, empty_postgresql):
    """A roll-back is the programs of before with `sangkien up`, which goes through here."""
    control.write("schema/0002_two.sql", TWO)
    control.do("migrate", "--from", folder)
    os.unlink(control.directory.below("schema/0002_two.sql"))
    code, output, complaints = control.run("migrate", "--from", folder)
    assert code == 0 and "nothing to apply" in output and "0002_two.sql, which is newer than this tool" in complaints
    assert names(empty_postgresql) == ["0001_one.sql", "0002_two.sql"]


def test_one_that_ends_its_own_transaction_is_refused(control, folder):
    control.write("schema/0002_commits.sql", "CREATE TABLE two (a int);\ncommit;\nCREATE TABLE three (a int);\n")
    code, _, complaints = control.run("migrate", "--from", folder)
    assert code == 65 and "0002_commits.sql" in complaints


def test_two_at_once_apply_once(control, folder, empty_postgresql):
    control.write("schema/0002_slow.sql", "SELECT pg_sleep(0.5);\nINSERT INTO one VALUES (2);\n")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda _: control.run("migrate", "--from", folder), range(2)))
    assert [code for code, _, _ in results] == [0, 0], results
    assert sorted("nothing" in output for _, output, _ in results) == [False, True]
    assert empty_postgresql.query("SELECT count(*) FROM one") == [(2,)]


def test_the_schema_of_the_repository_applies(control, empty_postgresql):
    control.do("migrate", "--from", os.path.join(ROOT, "deploy", "schema"))
    assert empty_postgresql.query("SELECT version FROM reference_version") == [(1,)]


def test_a_server_that_is_away_is_said(control, folder, empty_postgresql):
    empty_postgresql.stop()
    code, _, complaints = control.run("migrate", "--from", folder)
    assert code == 69 and "PostgreSQL does not answer" in complaints
