"""`--undo`, of commands that make a tenant in steps: take back what an unfinished run has made."""

from argparse import ArgumentParser
from typing import Any

from tenants.edge import errors_told
from tenants.services.undo import plan_undo, undo_provision


def add_undo(parser: ArgumentParser, takes_back: str) -> None:
    """The option; `takes_back` says what."""
    parser.add_argument("--undo", action="store_true", help=f"take back {takes_back}")


def undo(slug: str, *, dry_run: bool) -> tuple[dict[str, Any], str]:
    """Do it, or with `dry_run` say what would be done: as data and as text.

    Raises:
        CommandError: nothing was changed, or the message says what was.
    """
    with errors_told():
        if dry_run:
            plan = plan_undo(slug)
            return plan.to_json(), (
                f"{plan.slug} ({plan.tenant_id}) is {plan.begun}. Schema {plan.schema} on "
                f"{plan.shard} would be dropped, its files deleted, and "
                f"{', '.join(plan.hosts)} be free again"
            )
        tenant_id = undo_provision(slug)
    return {"undone": tenant_id}, f"{slug} ({tenant_id}) is undone"
