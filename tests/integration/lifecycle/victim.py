"""Works in processes of its own, each of which stops at one point to be killed there.

Reads lines of `POINT<TAB>FILE<TAB>FOLDER<TAB>WHAT<TAB>WORDS…`; answers each with the id of the
process that it made for it. That process writes FILE when it has come to POINT, and then waits.
"""

from pathlib import Path

import django
from django.conf import settings

from tests.fixtures.stopping import after, before, work_in_children


def points():
    from sharding.schemas.services import drop_schema
    from tenants.services import (
        change_name,
        change_slug,
        create_many,
        purge,
        purge_journal,
        restore,
    )
    from tenants.states import PurgeState

    def reaching(state):
        return lambda tenant_id, to: to is state

    dropped, cleared = PurgeState.DROPPED, PurgeState.CLEARED
    batches = []

    def second_batch(*args, **kwargs):
        batches.append(1)
        return len(batches) == 2

    made = []

    def third(line, request, began):
        made.append(line)
        return len(made) == 3

    return {
        "in the beginning": before(purge, "record_audit"),
        "begun": after(purge, "_begin"),
        "between batches": before(drop_schema, "_insist", second_batch),
        "dropped": before(purge_journal, "advance", reaching(dropped)),
        "dropped and journaled": after(purge_journal, "advance", reaching(dropped)),
        "before the steps": before(purge, "_run_steps"),
        "cleared": before(purge_journal, "advance", reaching(cleared)),
        "cleared and journaled": after(purge_journal, "advance", reaching(cleared)),
        "in the forgetting": after(purge, "delete_placement"),
        "forgotten": after(purge, "_forget"),
        "schema brought up to date": after(restore, "build_schema"),
        "in the restoring": before(restore, "announce_change"),
        "in the slug": before(change_slug, "announce_change"),
        "slug changed": before(change_name, "announce_change"),
        "third of many": before(create_many, "_create", third),
    }


def work(point, file, folder, what, *words):
    from tenants.services import create_list, create_many, purge, rename, restore

    settings.MEDIA_ROOT = folder
    points()[point](file)
    if what == "purge":
        purge.purge_tenant(words[0], early=True)
    elif what == "restore":
        restore.restore_tenant(words[0])
    elif what == "rename":
        rename.rename_tenant(words[0], words[1], name=words[2])
    elif what == "create":
        list(create_many.create_many(create_list.read_list(Path(words[0])), at_once=1))


if __name__ == "__main__":
    django.setup()
    points()  # imports once what every victim needs
    work_in_children(work)
