"""`write_pgbouncer_config`: PgBouncer's files, from the budget."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from sharding.placements.services.pooler_files import pooled_port, write_pooler_files
from sharding.placements.telling import Exit, errors_told
from sharding.pools.conf import schemas_per_connection
from sharding.pools.pgbouncer.console import Console
from sharding.pools.pgbouncer.files import TENANTS_PER_MINUTE, Tls, Wanted

CLIENT_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")


class Command(BaseCommand):
    help = (
        "Write pgbouncer.ini and its list of users into a folder: an entry per database behind a "
        "pooler, sized by the budget. Passwords go into the files (0600) and nowhere else. Safe "
        "to run again; nothing is written when the budget does not fit."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, help="its owner gets the files")
        parser.add_argument("--listen", default="0.0.0.0", help="address; default: all")
        parser.add_argument("--port", type=int, help="default: the registry's `pooled` port")
        parser.add_argument("--sockets", default="", help="folder of a unix socket; default: none")
        parser.add_argument(
            "--tenants-per-minute",
            type=int,
            default=TENANTS_PER_MINUTE,
            help="that are new to a busy connection: with ATOLL_SCHEMAS_PER_CONNECTION it makes "
            f"server_lifetime; default: {TENANTS_PER_MINUTE}",
        )
        for side in ("client", "server"):
            parser.add_argument(f"--{side}-tls", default="", choices=CLIENT_MODES)
            parser.add_argument(f"--{side}-tls-key", default="", metavar="FILE")
            parser.add_argument(f"--{side}-tls-cert", default="", metavar="FILE")
            parser.add_argument(f"--{side}-tls-ca", default="", metavar="FILE")
        parser.add_argument(
            "--auth",
            choices=("file", "query"),
            default="file",
            help="have a list with web's password, or ask each server; default: file",
        )
        parser.add_argument("--offline", action="store_true", help="ask no server for its limits")
        parser.add_argument("--reload", action="store_true", help="and have PgBouncer take it")
        parser.add_argument("--dry-run", action="store_true", help="say what would be written")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["tenants_per_minute"] < 1:
            raise CommandError("--tenants-per-minute must be at least 1.", returncode=Exit.USAGE)
        with errors_told():
            wanted = self._wanted(options)
            folder, dry_run = options["folder"], options["dry_run"]
            done = write_pooler_files(folder, wanted, offline=options["offline"], dry_run=dry_run)
            if not done.changed:
                self.stdout.write(f"{done.folder}: nothing to change.")
            else:
                verb = "would write" if dry_run else "wrote"
                self.stdout.write(f"{done.folder}: {verb} {', '.join(done.changed)}.")
            if options["reload"] and not dry_run:
                Console(folder).reload()
                self.stdout.write("PgBouncer has taken it.")

    def _wanted(self, options: dict[str, Any]) -> Wanted:
        def tls(side: str) -> Tls:
            words = ("", "_key", "_cert", "_ca")
            return Tls(*(options[f"{side}_tls{word}"] for word in words))

        return Wanted(
            listen=options["listen"],
            port=options["port"] or pooled_port(),
            sockets=options["sockets"],
            lookup=options["auth"] == "query",
            client_tls=tls("client"),
            server_tls=tls("server"),
            schemas=schemas_per_connection(),
            tenants_per_minute=options["tenants_per_minute"],
        )
