"""When databases of tests are used again, and when they are made anew. The last file of its folder:
the template that it leaves is of migrations that no other test has.
"""

import pytest

TEMPLATE = "SELECT oid::text FROM pg_database WHERE datname = 'test_shard_template'"
LEAVES_A_ROW = """
    import os, signal
    import pytest

    @pytest.mark.django_db(transaction=True)
    def test_notes(tenant):
        from notes.models import Note
        assert Note.objects.count() == 1
        Note.objects.create(text="left behind")
        if os.environ.get("DIES"):
            os.kill(os.getpid(), signal.SIGKILL)
"""


def test_they_are_kept_until_a_migration_changes_but_not_what_a_killed_run_left(adopter, look):
    adopter.pytester.makepyfile(LEAVES_A_ROW)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIES", "1")
        adopter.runs("--reuse-db")
    kept = look("alpha", TEMPLATE)
    adopter.runs("--reuse-db").assert_outcomes(passed=1)
    assert look("alpha", TEMPLATE) == kept != []
    migration = adopter.pytester.path / "notes" / "migrations" / "0001_initial.py"
    twice = migration.read_text().replace(
        "        migrations.RunPython(seed),", "        migrations.RunPython(seed),\n" * 2
    )
    migration.write_text(twice)
    result = adopter.runs("--reuse-db")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*assert 2 == 1*"])
    assert look("alpha", TEMPLATE) != kept
