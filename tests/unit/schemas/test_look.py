"""What is said of a database before it becomes a shard."""

from dataclasses import replace

import pytest

from sharding.registry.types import Endpoint, Login, Server
from sharding.schemas.preparation.look import judge
from sharding.schemas.preparation.steps import plan_steps
from sharding.schemas.preparation.types import DatabaseFacts

GOOD = DatabaseFacts(
    version=180004,
    database="shard",
    cluster="7",
    encoding="UTF8",
    collation="C",
    wal_level="logical",
    in_recovery=False,
    has_plpgsql=True,
    slots=10,
    senders=10,
    logical_workers=10,
    workers=18,
    roles=30,
)
AT = Endpoint("127.0.0.1", 5432, "shard")
SERVER = Server("alpha", AT, AT, Login("web", "w"), Login("own", "o"), Login("mover", "m"))


def test_a_good_database_gets_no_finding():
    assert judge(GOOD, SERVER) == ()


@pytest.mark.parametrize(
    ("code", "facts"),
    [
        ("version", replace(GOOD, version=140012)),
        ("standby", replace(GOOD, in_recovery=True)),
        ("database", replace(GOOD, database="postgres")),
        ("encoding", replace(GOOD, encoding="SQL_ASCII")),
        ("plpgsql", replace(GOOD, has_plpgsql=False)),
        ("taken", replace(GOOD, shard="beta", incarnation=1)),
        ("incarnation", replace(GOOD, shard="alpha", incarnation=2)),
        ("role_maker", replace(GOOD, version=150018)),
    ],
)
def test_what_makes_a_database_unfit_is_named(code, facts):
    assert code in [finding.code for finding in judge(facts, SERVER) if finding.fatal]


def test_a_sealed_shard_is_opened_by_no_second_run_of_add_shard():
    restored = replace(GOOD, shard="alpha", incarnation=1)
    (finding,) = judge(restored, replace(SERVER, incarnation=2))
    assert (finding.code, finding.fatal) == ("sealed", True)
    assert judge(GOOD, replace(SERVER, incarnation=2)) == (), "a bare database is none restored"


def test_a_lower_wal_level_is_told_and_is_no_refusal():
    (finding,) = judge(replace(GOOD, wal_level="replica"), SERVER)
    assert (finding.code, finding.fatal) == ("wal_level", False)


def test_too_few_streams_for_moves_are_told_with_what_to_set():
    few = replace(GOOD, slots=4, senders=9, logical_workers=4, workers=8)
    findings = judge(few, SERVER)
    assert [finding.fatal for finding in findings] == [False] * 4
    assert "max_replication_slots is 4:" in findings[0].message
    assert "Set it to 18 at least and restart" in findings[3].message


def test_only_the_login_that_makes_roles_may_make_roles():
    def createrole(server, version):
        steps = plan_steps(server, replace(GOOD, version=version), lambda login: "hash")
        return {
            step.key.removeprefix("attributes-")
            for step in steps
            if step.key.startswith("attributes-") and " CREATEROLE" in step.act[0].as_string()
        }

    with_role_maker = replace(SERVER, role_maker=Login("rolemaker", "r"))
    assert createrole(SERVER, 180004) == {"own"}
    assert createrole(with_role_maker, 180004) == {"rolemaker"}
    assert createrole(with_role_maker, 150018) == {"rolemaker"}


def test_no_password_is_in_a_plan_in_clear():
    secret = "a-password-in-clear"
    server = replace(SERVER, web=Login("web", secret), own=Login("own", secret))
    steps = plan_steps(server, GOOD, lambda login: "SCRAM-SHA-256$stored")
    told = [statement.as_string() for step in steps for statement in step.act]
    assert any("SCRAM-SHA-256$stored" in statement for statement in told)
    assert not any(secret in statement for statement in told)
    assert secret not in repr(server)
