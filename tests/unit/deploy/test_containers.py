"""deploy/Containerfile and deploy/compose.yaml, as far as they can be checked without an engine."""

import ast
import re
import shlex
import subprocess

import pytest
import yaml

from config import env
from routers.queues import CONTROL_QUEUE, shard_queue
from sharding.registry.toml_file import read_registry

DEPLOY = env.ROOT / "deploy"
CONTAINERFILE = (DEPLOY / "Containerfile").read_text()
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
SETTINGS = (env.ROOT / "docs" / "reference" / "settings.md").read_text()
OTHERS = {
    "DJANGO_SETTINGS_MODULE",
    "PATH",
    "PIP_DISABLE_PIP_VERSION_CHECK",
    "PIP_NO_CACHE_DIR",
    "POSTGRES_DB",
    "POSTGRES_PASSWORD",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONPATH",
    "PYTHONUNBUFFERED",
    "REDIS_PASSWORD",
    "SHARDS",
    "WEB_CONCURRENCY",
}
"""Variables of other programs."""


def instructions():
    """Of the Containerfile: (stage, instruction, rest), with continued lines joined."""
    stage = ""
    text = re.sub(r"\\\n", " ", re.sub(r"^\s*#.*\n", "", CONTAINERFILE, flags=re.MULTILINE))
    for line in filter(str.strip, text.splitlines()):
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            stage = rest.rpartition(" AS ")[2]
        yield stage, word, " ".join(rest.split())


STAGES = {stage for stage, _, _ in instructions()}


def told(stage, instruction):
    return [rest for where, word, rest in instructions() if (where, word) == (stage, instruction)]


def environment(service):
    """Variables that a service gets by name, and those of its files' examples."""
    given = dict(SERVICES[service].get("environment", {}))
    for file in SERVICES[service].get("env_file", ()):
        given |= example(f"{file}.example")
    return given


def example(name):
    lines = (DEPLOY / name).read_text().splitlines()
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {variable: value for variable, _, value in pairs}


def mounts(service):
    for mount in SERVICES[service].get("volumes", ()):
        source, target, *options = mount.split(":")
        yield source, target, options


def test_each_line_is_an_instruction():
    known = {"FROM", "RUN", "COPY", "ENV", "WORKDIR"}
    known |= {"USER", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK", "CMD"}
    assert {word for _, word, _ in instructions()} <= known


@pytest.mark.parametrize("stage", ["product", "front", "pooler"])
def test_an_image_runs_as_somebody_who_may_do_nothing_and_says_how_it_is(stage):
    users = told(stage, "USER")
    assert users
    assert users[-1].split(":")[0] not in {"root", "0"}
    last = [word for where, word, _ in instructions() if where == stage]
    assert last.index("USER") > max(
        [at for at, word in enumerate(last) if word == "RUN"], default=0
    )
    assert told(stage, "HEALTHCHECK")
    assert told(stage, "STOPSIGNAL")
    (command,) = told(stage, "CMD")
    assert ast.literal_eval(command)


def test_bases_are_pinned_and_none_is_the_newest():
    bases = [rest.partition(" ")[0] for _, word, rest in instructions() if word == "FROM"]
    images = [service["image"] for service in SERVICES.values() if "build" not in service]
    assert len(bases) == 4
    for base in [*bases, *images]:
        _, _, tag = base.partition(":")
        assert re.search(r"\d+\.\d+|\d{8}", tag), base
        assert "latest" not in tag


def test_packages_come_by_hash_and_from_no_address_of_ours():
    (install,) = [rest for rest in told("build", "RUN") if "pip install" in rest]
    assert "--require-hashes" in install
    assert "base.txt" in install
    assert "://" not in re.sub(r"redis://127\.0\.0\.1:1/0|http://127\.0\.0\.1:8000", "", "".join(
        rest for stage, _, rest in instructions() if stage in {"build", "product"}
    ))  # fmt: skip
    for option in ("--index-url", "--extra-index", "--find-links", "--trusted-host"):
        assert option not in CONTAINERFILE


def test_no_image_keeps_a_secret_or_what_only_building_needs():
    for stage, word, rest in instructions():
        if word in {"ENV", "COPY"}:
            assert not re.search(r"SECRET|PASSWORD|TOKEN|\.env\b", rest), rest
        if stage == "product" and word == "RUN":
            assert "pip" not in rest
    ignored = (DEPLOY / "Containerfile.dockerignore").read_text().splitlines()
    assert "*" in ignored
    assert "deploy/env/*.env" in ignored


def test_everything_that_is_copied_is_there_and_let_through():
    ignored = (DEPLOY / "Containerfile.dockerignore").read_text().splitlines()
    let_through = {line[1:] for line in ignored if line.startswith("!")}
    for _, word, rest in instructions():
        if word == "COPY" and not rest.startswith("--from"):
            *sources, _ = rest.split()
            for source in sources:
                assert (env.ROOT / source).exists(), source
                assert any(source == each or source.startswith(f"{each}/") for each in let_through)
        if word == "COPY" and rest.startswith("--from"):
            assert rest.split()[0].removeprefix("--from=") in STAGES
    assert not list(env.ROOT.glob("tests/**/Containerfile"))


def test_the_product_is_copied_whole():
    packages = {"migrations_tools", "platform", "routers", "sharding", "tenants"}
    copied = {source for rest in told("build", "COPY") for source in rest.split()[:-1]}
    assert packages <= copied


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_can_write_and_reach_nothing_that_it_need_not(service):
    made = SERVICES[service]
    assert made["read_only"] is True
    assert made["cap_drop"] == ["ALL"]
    assert made["security_opt"] == ["no-new-privileges:true"]
    assert not made.get("privileged")
    assert "network_mode" not in made
    assert ("ports" in made) == (service == "nginx")
    assert COMPOSE["networks"]["data"]["internal"] is True
    on_data = {"control", "alpha", "beta", "redis", "pgbouncer"}
    if service in on_data:
        assert made["networks"] == ["data"]
    assert ("data" in made["networks"]) == (service != "nginx")


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_says_how_it_is(service):
    made = SERVICES[service]
    target = made.get("build", {}).get("target")
    own = made.get("healthcheck") or (target and told(target, "HEALTHCHECK"))
    assert own or service == "setup"
    for name, condition in dict(made.get("depends_on", {})).items():
        assert condition["condition"] == "service_healthy"
        assert name in SERVICES


@pytest.mark.parametrize("service", SERVICES)
def test_every_variable_is_one_that_somebody_reads(service):
    for variable in environment(service):
        assert variable in OTHERS or f"`{variable}`" in SETTINGS, variable


def test_every_variable_of_the_images_is_one_that_somebody_reads():
    for _, word, rest in instructions():
        if word == "ENV":
            for pair in shlex.split(rest):
                variable = pair.partition("=")[0]
                assert variable in OTHERS or f"`{variable}`" in SETTINGS, variable


@pytest.mark.parametrize("service", SERVICES)
def test_secrets_come_from_files_that_are_not_in_the_tree(service):
    for variable, value in dict(SERVICES[service].get("environment", {})).items():
        assert not re.search(r"SECRET|PASSWORD|URL", variable), f"{variable}={value}"
    for file in SERVICES[service].get("env_file", ()):
        assert (DEPLOY / f"{file}.example").is_file()
        ignored = subprocess.run(
            ("git", "check-ignore", "-q", f"deploy/{file}"), cwd=env.ROOT, check=False
        )
        assert ignored.returncode == 0, f"git would take deploy/{file}"


def test_examples_hold_no_secret_and_the_product_gets_what_it_cannot_do_without():
    for file in (DEPLOY / "env").glob("*.example"):
        for variable, value in example(f"env/{file.name}").items():
            if re.search(r"SECRET|PASSWORD", variable):
                assert value == "change-me"
    assert {"ATOLL_SECRET_KEY", "ATOLL_REDIS_URL"} <= environment("web-1").keys()


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_mounted_is_there(service):
    for source, target, options in mounts(service):
        if source.startswith("."):
            assert (DEPLOY / source).exists(), source
            assert options == ["ro"]
        else:
            assert source in COMPOSE["volumes"]
        assert target.startswith("/")


def test_setup_makes_ready_every_shard_that_there_is():
    shards = environment("setup")["SHARDS"].split()
    assert set(shards) == {name for name in SERVICES if f"worker-{name}" in SERVICES} - {"control"}
    assert set(shards) <= SERVICES["setup"]["depends_on"].keys()


def test_only_setup_may_change_the_registry():
    writers = {
        service
        for service in SERVICES
        for source, _, options in mounts(service)
        if source == "registry" and options != ["ro"]
    }
    assert writers == {"setup"}


def test_there_is_a_worker_for_every_queue_and_one_beat():
    queues = {shard_queue("alpha"), shard_queue("beta"), CONTROL_QUEUE}
    workers = {}
    for service, made in SERVICES.items():
        command = made.get("command", [])
        if "worker" in command:
            workers[service] = command[command.index("-Q") + 1]
            assert command[command.index("-n") + 1] == f"{workers[service]}@%h"
            assert f"{workers[service]}@" in made["healthcheck"]["test"][1]
    assert sorted(workers.values()) == sorted(queues)
    assert sum("beat" in made.get("command", []) for made in SERVICES.values()) == 1


def test_the_pooler_knows_every_server_and_nginx_every_gunicorn():
    ini = (DEPLOY / "pgbouncer" / "pgbouncer.ini").read_text()
    entries = dict(re.findall(r"^(\w+) = host=(\w+) port=5432 dbname=\1$", ini, re.MULTILINE))
    databases = {made["environment"]["POSTGRES_DB"]: name for name, made in SERVICES.items()
                 if "POSTGRES_DB" in made.get("environment", {})}  # fmt: skip
    assert entries == databases == {"control": "control", "alpha": "alpha", "beta": "beta"}
    upstreams = (DEPLOY / "nginx" / "upstreams.conf").read_text()
    named = re.findall(r"^server ([\w-]+):8000", upstreams, re.MULTILINE)
    assert named == [service for service in SERVICES if service.startswith("web-")]


def test_folders_are_the_same_for_those_who_write_and_those_who_send():
    here = (DEPLOY / "nginx" / "here.conf").read_text()
    (variables,) = told("product", "ENV")
    assert "set $atoll_files /srv/atoll/files;" in here
    assert "ATOLL_FILES_ROOT=/srv/atoll/files" in variables
    assert "set $atoll_static /srv/atoll/static;" in here
    assert any("/srv/atoll/static" in rest for rest in told("front", "COPY"))
    site = (DEPLOY / "nginx" / "atoll.conf").read_text()
    prefix = environment("web-1")["ATOLL_ACCEL_PREFIX"]
    assert f"location {prefix} {{\n        internal;" in site


def test_who_is_stopped_gets_as_long_as_it_takes():
    assert int(SERVICES["web-1"]["stop_grace_period"].rstrip("s")) > 20


def test_threads_find_connections():
    web = environment("web-1")
    assert int(web["ATOLL_POOL_SIZE"]) >= int(web["ATOLL_THREADS"])
    processes = int(web["WEB_CONCURRENCY"]) * 2 + 2 + 2 + 1
    ini = (DEPLOY / "pgbouncer" / "pgbouncer.ini").read_text()
    most = int(re.search(r"max_client_conn = (\d+)", ini).group(1))
    assert processes * int(web["ATOLL_POOL_SIZE"]) * 3 < most


def test_the_registry_that_setup_writes_can_be_read(tmp_path):
    script = (DEPLOY / "setup.sh").read_text()
    body = re.search(r"<<TOML\n(.*?)\nTOML\n", script, re.DOTALL).group(1)
    path = tmp_path / "registry.toml"
    path.write_text(re.sub(r"\$\w+", "word", body))
    registry = read_registry(path)
    assert registry.control.direct.host == "control"
    assert (registry.control.pooled.host, registry.control.pooled.port) == ("pgbouncer", 6432)
    assert registry.shards == {}


@pytest.mark.parametrize("script", ["setup.sh", "pgbouncer/start.sh"])
def test_scripts_are_shell_and_stop_at_the_first_failure(script):
    path = DEPLOY / script
    assert "set -eu" in path.read_text()
    assert subprocess.run(("sh", "-n", str(path)), check=False).returncode == 0


@pytest.mark.parametrize("password", ['a"b', "a b", "a$b", "a\\b", "ä"])
def test_setup_refuses_a_password_that_it_could_not_write_down(password, tmp_path):
    words = {f"ATOLL_{login}_PASSWORD": "word" for login in ("WEB", "OWN", "MOVER")}
    registry = tmp_path / "registry.toml"
    ended = subprocess.run(
        ("/bin/sh", str(DEPLOY / "setup.sh")),
        env={**words, "POSTGRES_PASSWORD": password, "ATOLL_REGISTRY": str(registry)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert "Passwords may hold" in ended.stderr
    assert not registry.exists()


@pytest.fixture
def set_up(tmp_path):
    """Run setup.sh with a `python` that only writes down what it is asked, and may fail at it."""

    def run(fails_at=""):
        asked = tmp_path / "asked"
        program = tmp_path / "python"
        program.write_text(
            f'#!/bin/sh\nshift\necho "$*" >>{asked}\n[ "$1" != "{fails_at}" ]\n', "utf-8"
        )
        program.chmod(0o755)
        words = {f"ATOLL_{login}_PASSWORD": "word" for login in ("WEB", "OWN", "MOVER")}
        ended = subprocess.run(
            ("/bin/sh", str(DEPLOY / "setup.sh")),
            env={
                **words,
                "POSTGRES_PASSWORD": "word",
                "ATOLL_REGISTRY": str(tmp_path / "registry.toml"),
                "PATH": f"{tmp_path}:/usr/bin:/bin",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        return ended, [line.split()[0] for line in asked.read_text().splitlines()]

    return run


RELEASE = ["migrate", "add_shard", "add_shard", "build_image", "migrate_fleet", "check"]


def test_setup_takes_every_step_of_a_release_in_its_order(set_up):
    ended, asked = set_up()
    assert (ended.returncode, asked) == (0, RELEASE)


def test_the_page_tells_the_same_steps_as_setup_takes():
    page = (env.ROOT / "docs" / "how-to" / "deploy.md").read_text()
    release = page.partition("## Release")[2].partition("\nthen restart")[0]
    told_there = re.findall(r"manage\.py (\w+)", release)
    assert [step for step in told_there if step in RELEASE[3:5]] == RELEASE[3:5]


def test_setup_goes_on_without_an_image_and_stops_at_anything_else(set_up, tmp_path):
    ended, asked = set_up("build_image")
    assert (ended.returncode, asked) == (0, RELEASE)
    assert "no image" in ended.stderr
    (tmp_path / "asked").unlink()
    ended, asked = set_up("migrate_fleet")
    assert ended.returncode != 0
    assert asked == RELEASE[:5]


def test_the_product_reads_images_off_with_a_pg_dump_as_new_as_the_servers():
    servers = {service["image"] for service in SERVICES.values() if "postgres" in service["image"]}
    (major,) = {re.match(r"postgres:(\d+)", image).group(1) for image in servers}
    assert any(f"postgresql-client-{major}" in rest for rest in told("product", "RUN"))
    (variables,) = told("product", "ENV")
    assert f"ATOLL_PG_DUMP=/usr/lib/postgresql/{major}/bin/pg_dump" in shlex.split(variables)
