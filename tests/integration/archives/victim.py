"""Exports, imports and clones in processes of their own, which stop at one point to be killed.

Reads lines of `POINT<TAB>FILE<TAB>MEDIA_ROOT<TAB>COMMAND<TAB>WORD…`; answers each with the id of
the process that it made for it. That process writes FILE when it has come to POINT, and waits.
"""

import django

from tests.fixtures.stopping import after, before, work_in_children


def points():
    from tenants.archives.services import arriving, building, cloning, exporting, filling, importing
    from tenants.archives.writing import ArchiveWriter
    from tenants.services import journal, provision
    from tenants.states import ProvisionState

    def reaching(state):
        return lambda tenant_id, to: to is state

    def of_tickets(connection, schema, table, blocks):
        return table.name == "workspace_ticket"

    def out_of_tickets(connection, schema, table):
        return table.name == "workspace_ticket"

    return {
        "reading files": after(ArchiveWriter, "add_file"),
        "reading rows": before(exporting, "copy_out", out_of_tickets),
        "summing up": before(ArchiveWriter, "finish"),
        "summed up": after(ArchiveWriter, "finish"),
        "claimed": after(provision, "_claim"),
        "a file written": after(importing, "write"),
        "a file copied": after(cloning, "write"),
        "files written": before(importing, "build_at"),
        "tables made": after(importing, "build_at"),
        "tables cloned": after(cloning, "build_at"),
        "in the rows": before(filling, "copy_in", of_tickets),
        "rows in": before(filling, "set_sequences"),
        "sequences set": after(filling, "set_sequences"),
        "filled": after(importing, "fill"),
        "opened to its role": after(arriving, "build_schema"),
        "built and journaled": after(journal, "advance", reaching(ProvisionState.BUILT)),
        "seeded": before(journal, "advance", reaching(ProvisionState.SEEDED)),
        "in the opening": after(journal, "advance", reaching(ProvisionState.DONE)),
        "opened": after(provision, "_open"),
        "made anew": after(building, "drop_schema"),
    }


def work(point, file, media_root, *words):
    from django.core.management import call_command
    from django.test.utils import override_settings

    points()[point](file)
    with override_settings(MEDIA_ROOT=media_root):
        call_command(*words)


if __name__ == "__main__":
    django.setup()
    work_in_children(work)
