"""`add_shard`: turn a bare database into a shard that takes tenants."""

import json
import os
from argparse import ArgumentParser
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from sharding.placements.services.adding import AddShardRequest, add_shard
from sharding.placements.telling import Exit, errors_told, registry_file_to_write
from sharding.registry.types import Endpoint
from sharding.schemas.preparation.types import Outcome, Preparation, StepReport

ADMIN_VARIABLE = "ATOLL_ADMIN_CONNINFO"
LOGINS = ("web", "own", "mover", "rolemaker", "pooler")


class Command(BaseCommand):
    help = (
        "Turn a bare PostgreSQL database into a shard: logins, rights, support schema, address and "
        "a first batch of tenant roles. Safe to run again: it does what is not done yet."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="lower-case letters, digits, hyphens")
        parser.add_argument(
            "--admin",
            default=os.environ.get(ADMIN_VARIABLE, ""),
            help="connection string of a superuser to the database, used once and kept nowhere "
            f"(or {ADMIN_VARIABLE}; PGPASSWORD and password files work)",
        )
        parser.add_argument("--host", help="address for owner connections; default: as --admin")
        parser.add_argument("--port", type=int, help="default: as --admin")
        parser.add_argument("--dbname", help="default: as --admin, else `shard`")
        parser.add_argument("--pooled-host", help="address for requests, where a pooler stands")
        parser.add_argument("--pooled-port", type=int)
        parser.add_argument("--pooled-dbname", help="its entry there; default: as the database")
        parser.add_argument(
            "--pooler-login",
            action="store_true",
            help="make a login with which PgBouncer looks up how web proves its password "
            "(write_pgbouncer_config --auth query)",
        )
        parser.add_argument("--dry-run", action="store_true", help="print the steps, take none")
        parser.add_argument("--json", action="store_true", help="print the steps as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        request = request_of(options, registry_file_to_write())
        quiet = options["json"]
        with errors_told():
            done = add_shard(request, (lambda step: None) if quiet else self._tell)
        for finding in done.findings:
            self.stderr.write(f"note: {finding.message}")
        if options["json"]:
            self.stdout.write(json.dumps(_to_json(done), indent=2))
        elif request.dry_run:
            self.stdout.write(f"{done.changes} of {len(done.steps)} steps to do; nothing done.")
        else:
            self.stdout.write(f"Shard {request.name} is ready ({done.changes} steps done now).")

    def _tell(self, step: StepReport) -> None:
        if step.outcome is not Outcome.DONE_BEFORE:
            self.stderr.write(f"{step.outcome:>6}  {step.key:<20} {step.does}")


def request_of(options: Mapping[str, Any], registry: Path) -> AddShardRequest:
    """What the words on the command line ask for.

    Raises:
        CommandError: they leave out what cannot be guessed, or mean nothing.
    """
    try:
        admin = conninfo_to_dict(options["admin"])
    except ProgrammingError as error:
        raise CommandError(
            f"--admin is no connection string: {error}", returncode=Exit.USAGE
        ) from error
    host = options["host"] or str(admin.get("host") or "")
    port = options["port"] or int(str(admin.get("port") or 5432))
    dbname = options["dbname"] or str(admin.get("dbname") or "shard")
    if not options["admin"] or not host:
        raise CommandError(
            f"Give a superuser's connection string with a host, by --admin or {ADMIN_VARIABLE}.",
            returncode=Exit.USAGE,
        )
    if options["pooled_dbname"] and not (options["pooled_host"] or options["pooled_port"]):
        raise CommandError(
            "--pooled-dbname is what a pooler calls this database: say where that pooler is too, "
            "by --pooled-host, --pooled-port or both.",
            returncode=Exit.USAGE,
        )
    return AddShardRequest(
        name=options["name"],
        admin_conninfo=make_conninfo(options["admin"], dbname=str(admin.get("dbname") or dbname)),
        direct=Endpoint(host, port, dbname),
        pooled=Endpoint(
            options["pooled_host"] or host,
            options["pooled_port"] or port,
            options["pooled_dbname"] or dbname,
        ),
        passwords={
            login: os.environ[variable]
            for login in LOGINS
            if (variable := f"ATOLL_{login.upper()}_PASSWORD") in os.environ
        },
        registry_path=registry,
        pooler_login=options["pooler_login"],
        dry_run=options["dry_run"],
    )


def _to_json(done: Preparation) -> dict[str, Any]:
    steps = [asdict(step) for step in done.steps]
    findings = [asdict(finding) for finding in done.findings]
    return {"shard": done.shard, "changes": done.changes, "steps": steps, "findings": findings}
