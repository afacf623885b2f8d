"""Which databases the kit makes, keeps, drops, and never touches."""

import pytest

TESTS = "SELECT datname FROM pg_database WHERE datname LIKE 'test\\_%' ORDER BY 1"
ROLES = "SELECT rolname FROM pg_roles WHERE rolname ~ '^t[0-9a-z]{9}$'"

ONE_TEST = """
    def test_notes(tenant):
        from notes.models import Note
        assert Note.objects.count() == 1
"""
OF_CONTROL = """
    import pytest
    from tenants.models import Tenant

    def test_function(control):
        Tenant.objects.using(control).delete()

    @pytest.mark.django_db(databases=["control"], transaction=True)
    def test_marked():
        Tenant.objects.using("control").update(name="x")
"""
OF_THE_CACHE = """
    from django.core.cache import cache

    def test_a_keeps(tenant):
        cache.set("key", 1)
        assert cache.get("key") == 1

    def test_b_finds_nothing(tenant):
        assert cache.get("key") is None
"""


@pytest.fixture
def real_databases(stack_ready, look):
    """Something in each real database that a test could destroy."""

    def count():
        return (
            look("control", "SELECT count(*) FROM placements_shard", "control"),
            look("control", "SELECT datname FROM pg_database WHERE datname = 'control'"),
            look("alpha", "SELECT datname FROM pg_database WHERE datname = 'shard'"),
            look("alpha", "SELECT oid FROM pg_namespace ORDER BY 1", "shard"),
        )

    before = count()
    yield
    assert count() == before


def test_real_databases_are_left_alone_and_nothing_else_is_left(
    adopter, look, stack, real_databases, none_kept
):
    before = look("alpha", ROLES)
    # Of control alone: for Django every database waits for `default`, which nobody asks for here.
    adopter.pytester.makepyfile(OF_CONTROL)
    adopter.runs("--create-db").assert_outcomes(passed=2)
    assert [look(name, TESTS) for name in stack.databases] == [[], [], []]
    assert set(look("alpha", ROLES)) == set(before)


def test_a_database_that_is_not_the_kit_s_is_left_alone(adopter, look, none_kept):
    look("alpha", "CREATE DATABASE test_shard")
    adopter.pytester.makepyfile(ONE_TEST)
    result = adopter.runs()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*ForeignDatabase*test_shard*left alone*"])
    assert "test_shard" in look("alpha", TESTS)
    look("alpha", "DROP DATABASE test_shard")


def test_a_real_database_of_a_test_s_name_is_refused(adopter, stack, monkeypatch, tmp_path):
    registry = stack.files.registry.read_text()
    file = tmp_path / "registry.toml"
    file.write_text(registry.replace('dbname = "control"', 'dbname = "test_shard"'))
    monkeypatch.setenv("ATOLL_REGISTRY", str(file))
    adopter.pytester.makepyfile(ONE_TEST)
    result = adopter.runs()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*UnsafeName*test_shard*"])


def test_an_administrator_is_asked_for(adopter, monkeypatch):
    monkeypatch.delenv("ATOLL_TEST_ADMIN")
    adopter.pytester.makepyfile(ONE_TEST)
    result = adopter.runs()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*NoServers*ATOLL_TEST_ADMIN is not set*"])


def test_nothing_leads_to_the_real_databases(adopter):
    adopter.pytester.makeconftest(
        """
        from sharding.registry import current

        BEFORE = current.reload()
        """
    )
    adopter.pytester.makepyfile(
        """
        from conftest import BEFORE
        from sharding.registry import current

        def test_before_the_databases_are_there():
            assert BEFORE.control is None
            assert not BEFORE.shards

        def test_when_they_are(tenant):
            for known in (current.registry(), current.reload()):
                names = {known.control.direct.dbname, known.shards["alpha"].pooled.dbname}
                assert names == {"test_control", "test_shard"}
        """
    )
    adopter.runs("--reuse-db").assert_outcomes(passed=2)


def test_without_a_registry_the_development_servers_are_started(project):
    project.pytester.makepyfile(test_cache=OF_THE_CACHE)
    project.runs().assert_outcomes(passed=2)


@pytest.mark.slow
def test_without_a_registry_workers_of_xdist_share_the_development_servers(project):
    project.adds("stock")
    project.pytester.makepyfile(test_cache=OF_THE_CACHE)
    project.runs("-n", "2").assert_outcomes(passed=15)


def test_a_project_without_the_backend_is_let_be(project):
    (project.pytester.path / "shop_settings.py").write_text(
        "DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': ':memory:'}}\n"
        "USE_TZ = True\n"
    )
    project.pytester.makepyfile(
        "def test_it(db):\n    pass\n\n\ndef test_that(tenant):\n    pass\n"
    )
    result = project.runs()
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*test kit is not at work*"])
