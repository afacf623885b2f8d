"""`adopt_tenant`: make a schema of django-tenants a tenant."""

import json
import os
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from sharding.placements.telling import Exit
from sharding.registry import current as addresses
from tenants.adoption.services.adopt import adopt_tenant, plan_adoption
from tenants.adoption.telling import plan_text, receipt_text
from tenants.adoption.types import Admin, AdoptionRequest
from tenants.edge import add_domains, add_dry_run, add_json, errors_told, progress_of
from tenants.undo_option import add_undo, undo

ADMIN_VARIABLE = "ATOLL_ADMIN_CONNINFO"


class Command(BaseCommand):
    help = (
        "Make a schema that django-tenants made, in a database that is a shard, a tenant: bring "
        "what it shares with others, renumber, rename, migrate, compare. Safe to run again after "
        "it was cut off anywhere. Make a dump first, and stop the old application for this tenant."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", help="the new tenant's part of the host name")
        parser.add_argument("--shard", default="", help="in whose database the schema lies")
        parser.add_argument("--schema", default="", help="its name there; by default the slug")
        parser.add_argument("--name", default="", help="what people call it (default: the slug)")
        add_domains(parser)
        parser.add_argument(
            "--also",
            action="append",
            default=[],
            metavar="TABLE=CONDITION",
            help="take these rows of a shared table along although nothing refers to them, such "
            'as "auth_user=id IN (SELECT user_id FROM public.member WHERE tenant_id = 3)"',
        )
        parser.add_argument(
            "--admin",
            default=os.environ.get(ADMIN_VARIABLE, ""),
            help="connection string of a superuser to the shard's database, kept nowhere (or "
            f"{ADMIN_VARIABLE})",
        )
        add_undo(parser, "a claim whose schema is not taken over")
        add_dry_run(parser)
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        if options["undo"]:
            data, text = undo(options["slug"], dry_run=options["dry_run"])
            return self._tell(data, options, text)
        request = _request(options)
        with errors_told():
            admin = Admin(addresses.shard(request.shard), _conninfo(options["admin"]))
            if options["dry_run"]:
                provision, plan = plan_adoption(request, admin)
                data = {"provision": provision.to_json(), "adoption": plan and plan.to_json()}
                self._tell(data, options, plan_text(provision, plan))
                if plan is not None and plan.problems:
                    raise CommandError(f"{len(plan.problems)} things are to be mended first.")
                return None
            try:
                receipt = adopt_tenant(request, admin, tell=progress_of(self))
            except KeyboardInterrupt:
                raise CommandError(
                    f"Cut off. Finish it: manage.py adopt_tenant {request.slug} … as before",
                    returncode=Exit.PAUSED,
                ) from None
        return self._tell(receipt.to_json(), options, receipt_text(receipt))

    def _tell(self, data: dict[str, Any], options: dict[str, Any], text: str) -> None:
        self.stdout.write(json.dumps(data, indent=2) if options["json"] else text)


def _request(options: dict[str, Any]) -> AdoptionRequest:
    if not options["shard"]:
        raise CommandError("Say with --shard where the schema lies.", returncode=Exit.USAGE)
    also = []
    for text in options["also"]:
        table, found, condition = text.partition("=")
        if not found or not table.strip() or not condition.strip():
            raise CommandError(
                f"--also {text!r}: give TABLE=CONDITION, such as auth_user=is_superuser.",
                returncode=Exit.USAGE,
            )
        also.append((table.strip(), condition.strip()))
    return AdoptionRequest(
        slug=options["slug"],
        shard=options["shard"],
        schema=options["schema"] or options["slug"],
        name=options["name"],
        domains=tuple(options["domain"]),
        also=tuple(also),
    )


def _conninfo(given: str) -> str:
    try:
        parts = conninfo_to_dict(given)
    except ProgrammingError as error:
        raise CommandError(
            f"--admin is no connection string: {error}", returncode=Exit.USAGE
        ) from error
    if not parts:
        raise CommandError(
            f"Give a superuser's connection string, by --admin or {ADMIN_VARIABLE}: the schema "
            "and its tables change their owner.",
            returncode=Exit.USAGE,
        )
    return given
