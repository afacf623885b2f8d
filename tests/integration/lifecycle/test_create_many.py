"""Many tenants from a list: progress, errors by the line, and what a run after a kill does."""

import json
import os
import signal
import subprocess
import sys
import time
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from tenants.models import Tenant
from tenants.services.create_list import read_list
from tenants.services.create_many import GIVE_UP_AFTER, Outcome, create_many
from tenants.services.listing import list_tenants
from tests.faults.down import Down
from tests.integration.lifecycle.conftest import lose

CONTROL = "control"
HEAD = "slug,name,domains,shard,admin_email\n"


@pytest.fixture
def write(tmp_path, neighbours):
    before = set(Tenant.objects.using(CONTROL).values_list("id", flat=True))

    def write(*lines):
        path = tmp_path / "tenants.csv"
        path.write_text(HEAD + "".join(f"{line}\n" for line in lines))
        return path

    yield write
    for made in Tenant.objects.using(CONTROL).exclude(id__in=before):
        lose(made.id)


def run(*words):
    """What the command printed, what it told meanwhile, and its exit status."""
    out, err = StringIO(), StringIO()
    try:
        call_command("create_tenants", *map(str, words), stdout=out, stderr=err)
    except CommandError as error:
        return out.getvalue(), err.getvalue() + str(error), error.returncode
    return out.getvalue(), err.getvalue(), 0


def of(prefix):
    return {line.slug: line for line in list_tenants() if line.slug.startswith(prefix)}


def test_what_can_be_made_is_made_and_the_rest_is_a_list_of_errors(write, neighbours, tmp_path):
    source = write(
        "bulk-a,Bulk A,www.bulk-a.example,beta,ann@bulk-a.example",
        "Bulk-B,,,,",
        "bulk-c,,,gamma,",
        "life-north,Somebody else,,,",
        "bulk-d,,,,",
    )
    out, err, status = run("--from-csv", source, "--shard", "alpha", "--at-once", 2)
    assert (status, out.split(" lines")[0]) == (1, "5")
    assert "2 created, 3 failed" in out
    assert "5/5 line" in err
    made = of("bulk-")
    assert {slug: (line.shard, line.served) for slug, line in made.items()} == {
        "bulk-a": ("beta", "serve"),
        "bulk-d": ("alpha", "serve"),
    }
    assert made["bulk-a"].hosts == ("bulk-a.localhost", "www.bulk-a.example")
    errors = tmp_path / "tenants.errors.csv"
    told = errors.read_text().splitlines()
    assert [line.split(",")[0] for line in told[1:]] == ["3", "4", "5"]

    # Mended there, given to the command; and then everything is there.
    mended = errors.read_text().replace(",Bulk-B,", ",bulk-b,").replace("gamma", "beta")
    errors.write_text(mended.replace(",life-north,", ",bulk-e,"))
    out, err, status = run("--from-csv", errors)
    assert (status, "3 created" in out) == (0, True)
    source.write_text(source.read_text().replace("Bulk-B", "bulk-b").replace("gamma", "beta"))
    out, err, status = run("--from-csv", source, "--json")
    assert {each["outcome"] for each in json.loads(out)} == {"there already", "failed"}
    assert [each["line"] for each in json.loads(out)] == [2, 3, 4, 5, 6]
    assert set(of("bulk-")) == {"bulk-a", "bulk-b", "bulk-c", "bulk-d", "bulk-e"}


def test_a_dry_run_finds_the_same_and_makes_nothing(write, tmp_path):
    before = Tenant.objects.using(CONTROL).count()
    source = write("dry-a,,,,", "Dry-B,,,,", "dry-c,,,gamma,", "life-north,x,,,")
    out, _, status = run("--from-csv", source, "--dry-run")
    assert (status, "1 would be created, 3 failed" in out) == (1, True)
    assert Tenant.objects.using(CONTROL).count() == before
    assert not (tmp_path / "tenants.errors.csv").exists()
    assert run("--from-csv", write("dry-a,,,,"), "--dry-run")[2] == 0


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["--from-csv", "no-such-file.csv"], 2),
        (["--from-csv", "."], 2),
        (["--from-csv", "manage.py"], 2),
        (["--from-csv", "{list}", "--errors", "manage.py"], 2),
    ],
)
def test_wrong_files_are_refused_and_nothing_is_made(write, words, status):
    before = Tenant.objects.using(CONTROL).count()
    path = write("never-made,,,,")
    _, err, returned = run(*(word.replace("{list}", str(path)) for word in words))
    assert (returned, "Nothing was changed" in err) == (status, True)
    assert Tenant.objects.using(CONTROL).count() == before


@pytest.mark.parametrize(
    "words", [[], ["--from-csv"], ["--from-csv", "x.csv", "--at-once", "0"], ["acme"]]
)
def test_wrong_words_are_wrong_usage(words):
    with pytest.raises(CommandError) as caught:
        call_command("create_tenants", *words)
    assert caught.value.returncode in (1, 2)


def test_a_run_that_was_killed_is_finished_by_the_same_command(write, killed_at):
    slugs = [f"cut-{name}" for name in "abcde"]
    source = write(*(f"{slug},,,alpha," for slug in slugs))
    killed_at("third of many", "create", str(source))
    assert set(of("cut-")) == set(slugs[:2])
    out, _, status = run("--from-csv", source)
    assert (status, "3 created, 2 there already" in out) == (0, True)
    assert {line.served for line in of("cut-").values()} == {"serve"}


def test_an_interrupted_run_ends_what_is_under_way_and_says_how_to_go_on(write):
    slugs = [f"stop-{number}" for number in range(30)]
    source = write(*(f"{slug},,,alpha," for slug in slugs))
    command = [sys.executable, "manage.py", "create_tenants", "--from-csv", str(source)]
    # What a shell has started in the background ignores interrupts, and so would this.
    command = ["env", "--default-signal=INT", *command]
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings.test"}
    with subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True) as running:
        assert "stop-" in running.stderr.readline()
        running.send_signal(signal.SIGINT)
        told = running.stderr.read()
    assert running.returncode == 3, told
    assert "run the same command again" in told
    assert "Traceback" not in told
    made = of("stop-")
    assert 1 <= len(made) < len(slugs)
    assert {line.served for line in made.values()} == {"serve"}


def test_when_nothing_works_any_more_the_rest_is_not_tried(write, faulty):
    from sharding.registry import current as registry

    lines = read_list(write(*(f"away-{number},,,beta," for number in range(GIVE_UP_AFTER + 9))))
    real = registry.registry()
    registry.install(faulty.registry)
    try:
        with faulty.down("beta", Down.REFUSED):
            began = time.monotonic()
            results = list(create_many(lines, at_once=4))
    finally:
        registry.install(real)
    assert len(results) == GIVE_UP_AFTER
    assert {each.outcome for each in results} == {Outcome.FAILED}
    assert time.monotonic() - began < 20
    assert of("away-") == {}


def test_several_at_once_make_each_tenant_once(write):
    source = write(*(f"many-{number},,,," for number in range(6)))
    out, err, status = run("--from-csv", source, "--at-once", 4)
    assert (status, "6 created" in out) == (0, True), err
    assert {line.served for line in of("many-").values()} == {"serve"}
