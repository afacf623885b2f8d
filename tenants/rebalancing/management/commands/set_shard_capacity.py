"""`set_shard_capacity`: say how much a shard bears, and what it has that tenants may need."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from sharding.rebalance.services.capacity import UNSAID, CapacityChange, Wish, set_capacity
from tenants.edge import add_dry_run, add_json, errors_told


class Command(BaseCommand):
    help = (
        "Say how much a shard bears: rebalances and the choice of a place for new tenants go by "
        "it. What is not said is reckoned from the other shards and the weight. And say which "
        "labels it has: a tenant that needs one (`pin_tenant --label`) goes to no other shard. "
        "Nobody is moved by this command itself."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="the shard")
        for option, metavar, meaning in (
            ("--bytes", "SIZE", f"of tenants' data, such as 500GB; `{UNSAID}`: nobody says"),
            ("--load", "NUMBER", f"statements at a time, day and night; `{UNSAID}` likewise"),
            ("--tenants", "NUMBER", f"whose roles it bears; `{UNSAID}`: as its version does"),
            ("--weight", "NUMBER", "its share of what is not said, beside others; 0: nobody new"),
            ("--moves", "NUMBER", "to it and from it that a rebalance has under way at a time"),
            ("--labels", "NAMES", f"all that it has, such as eu,ssd; `{UNSAID}`: none"),
        ):
            parser.add_argument(option, default="", metavar=metavar, help=meaning)
        add_dry_run(parser)
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        wish = Wish(**{name: options[name] for name in Wish.__slots__})
        with errors_told():
            done = set_capacity(options["name"], wish, dry_run=options["dry_run"])
        if options["json"]:
            self.stdout.write(json.dumps(done.to_json(), indent=2))
        else:
            self.stdout.write(_text(done, "would bear" if options["dry_run"] else "bears"))


def _text(done: CapacityChange, verb: str) -> str:
    lines = [f"{done.shard} {verb}:"]
    for name, after in done.after.items():
        before = done.before[name]
        was = "" if before == after else f"  (was {_said(before)})"
        lines.append(f"  {name:<8} {_said(after)}{was}")
    return "\n".join(lines)


def _said(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(value) or "none"
    return "not said" if value is None else str(value)
