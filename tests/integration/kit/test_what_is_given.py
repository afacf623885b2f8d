"""What an adopter's tests may rely on."""

import re

import pytest

LEAKS = {
    "test_leaks_a_scope[same shard]": "left the scope of tenant",
    "test_leaks_a_scope[another shard]": "left the scope of tenant",
    "test_leaks_a_block": "an atomic block open on alpha",
    "test_leaks_a_block_that_would_commit": "a transaction open on alpha",
    "test_leaks_a_transaction_by_hand": "that no `atomic()` began",
    "test_leaks_a_connection_of_a_thread": "thread forgetful ended and left a connection",
    "Stock::test_b_leaks_a_block": "an atomic block open on alpha",
    "Stock::test_d_leaks_a_scope": "left the scope of no scope",
}


# Each run starts an adopter's project anew, which takes seconds: what can share one does.
PASSED = {"stock": 13, "scopes": 25, "belongs": 16, "many": 60}
SCHEMAS = "SELECT nspname FROM pg_namespace WHERE nspname ~ '^t[0-9a-z]{9}$' ORDER BY 1"


def test_all_that_is_promised_holds_in_workers_that_have_databases_of_their_own(adopter, look):
    """Django's own test cases; tenants, control and shards; what the how-to pages say."""
    adopter.adds(*PASSED)
    adopter.runs("-n", "2", "--reuse-db").assert_outcomes(passed=sum(PASSED.values()))
    made = look("alpha", "SELECT datname FROM pg_database WHERE datname LIKE 'test%' ORDER BY 1")
    assert {"test_shard_gw0", "test_shard_gw1", "test_shard_template"} <= set(made)
    for worker in ("gw0", "gw1"):
        # Why a test costs milliseconds: none makes a tenant, also of those that commit.
        assert 0 < len(look("alpha", SCHEMAS, f"test_shard_{worker}")) < 10


@pytest.mark.slow
@pytest.mark.parametrize("sample", PASSED)
def test_each_part_of_it_holds_alone_and_in_one_process(adopter, sample):
    adopter.adds(sample)
    adopter.runs("--reuse-db").assert_outcomes(passed=PASSED[sample])


@pytest.mark.slow
def test_sixty_tests_take_turns_in_the_schemas_that_the_first_one_found(adopter, look):
    adopter.adds("many")
    adopter.runs("--reuse-db").assert_outcomes(passed=60)
    made = look("alpha", SCHEMAS, "test_shard")
    assert 0 < len(made) < 10
    adopter.runs("--reuse-db").assert_outcomes(passed=60)
    assert look("alpha", SCHEMAS, "test_shard") == made


def test_what_a_test_leaves_fails_it_and_no_other_and_without_a_tenant_it_is_refused(adopter):
    adopter.adds("leaks", "refused")
    result = adopter.runs("--reuse-db", "-p", "no:randomly", "-rf")
    result.assert_outcomes(failed=len(LEAKS), passed=10, errors=3)
    text = result.stdout.str()
    for name, message in LEAKS.items():
        (told,) = re.findall(
            rf"_ {re.escape(name.replace('::', '.'))} _+\n(.*?)\n[_=]{{3}}", text, re.S
        )
        assert message in told, told
        assert "did not tidy up" in told
    result.stdout.fnmatch_lines(["*NoTenantInScope: *", "*fixture `tenant`*"])
    result.stdout.fnmatch_lines(["*mark the class with `tenant`*"])
