"""What an adopter's tests may rely on."""

import re

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


def test_django_s_own_test_cases_work_unchanged(adopter):
    adopter.adds("stock")
    adopter.runs("--reuse-db").assert_outcomes(passed=13)


def test_tenants_control_and_shards_are_given_and_undone(adopter):
    adopter.adds("scopes")
    adopter.runs("--reuse-db").assert_outcomes(passed=25)


def test_what_the_how_to_pages_say_is_so(adopter):
    adopter.adds("belongs")
    adopter.runs("--reuse-db").assert_outcomes(passed=16)


def test_what_a_test_leaves_fails_it_and_no_other(adopter):
    adopter.adds("leaks")
    result = adopter.runs("--reuse-db", "-p", "no:randomly", "-rf")
    result.assert_outcomes(failed=len(LEAKS), passed=10)
    text = result.stdout.str()
    for name, message in LEAKS.items():
        (told,) = re.findall(
            rf"_ {re.escape(name.replace('::', '.'))} _+\n(.*?)\n[_=]{{3}}", text, re.S
        )
        assert message in told, told
        assert "did not tidy up" in told


def test_a_tenant_s_database_without_a_tenant_is_refused(adopter):
    adopter.adds("refused")
    result = adopter.runs("--reuse-db")
    result.assert_outcomes(errors=3)
    result.stdout.fnmatch_lines(["*NoTenantInScope: *", "*fixture `tenant`*"])
    result.stdout.fnmatch_lines(["*mark the class with `tenant`*"])


def test_sixty_tests_take_turns_in_the_schemas_that_the_first_one_found(adopter, look):
    """Why a test costs milliseconds: none makes a tenant, also of those that commit."""
    schemas = "SELECT nspname FROM pg_namespace WHERE nspname ~ '^t[0-9a-z]{9}$' ORDER BY 1"
    adopter.adds("many")
    adopter.runs("--reuse-db").assert_outcomes(passed=60)
    made = look("alpha", schemas, "test_shard")
    assert 0 < len(made) < 10
    adopter.runs("--reuse-db").assert_outcomes(passed=60)
    assert look("alpha", schemas, "test_shard") == made


def test_workers_of_xdist_have_databases_of_their_own(adopter, look):
    adopter.adds("stock", "scopes")
    adopter.runs("-n", "2", "--reuse-db").assert_outcomes(passed=38)
    made = look("alpha", "SELECT datname FROM pg_database WHERE datname LIKE 'test%' ORDER BY 1")
    assert {"test_shard_gw0", "test_shard_gw1", "test_shard_template"} <= set(made)
