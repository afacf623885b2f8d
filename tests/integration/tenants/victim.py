"""Makes tenants in processes of their own, each of which stops at one point to be killed there.

Reads lines of `POINT<TAB>FILE<TAB>SLUG`; answers each with the id of the process that it made for
it. That process writes FILE when it has come to POINT, and then waits.
"""

import django

from tests.fixtures.stopping import after, before, work_in_children

EMAIL = "admin@victim.example"
PASSWORD = "correct-horse-battery"


def by_migrations(module, arrange):
    """The same for a tenant that is made by Django's migrations, as if there were no image."""

    def arranged(file):
        module.find_wanted_image = lambda major: None
        arrange(file)

    return arranged


def points():
    from accounts.models import User
    from migrations_tools.services import build_schema
    from tenants.services import journal, provision
    from tenants.states import ProvisionState

    told = []

    def sixth_line(line):
        told.append(line)
        return len(told) == 6

    def reaching(state):
        return lambda tenant_id, to: to is state

    built, seeded, done = ProvisionState.BUILT, ProvisionState.SEEDED, ProvisionState.DONE
    return {
        "reserved": after(provision, "reserve_tenant_id"),
        "in the claim": after(provision, "create_placement"),
        "claimed": after(provision, "_claim"),
        "schema created": by_migrations(build_schema, after(build_schema, "create_schema")),
        "in the migrations": by_migrations(build_schema, after(provision, "silent", sixth_line)),
        "image replayed": after(build_schema, "create_from_image"),
        "built": before(journal, "advance", reaching(built)),
        "built and journaled": after(journal, "advance", reaching(built)),
        "in a step": after(User, "save"),
        "seeded": before(journal, "advance", reaching(seeded)),
        "in the opening": after(journal, "advance", reaching(done)),
        "opened": after(provision, "_open"),
    }


def make(point, file, slug):
    from tenants.services import provision
    from tenants.services.types import ProvisionRequest

    points()[point](file)
    provision.provision_tenant(
        ProvisionRequest(slug=slug, shard="alpha", admin_email=EMAIL, admin_password=PASSWORD),
        tell=provision.silent,
    )


if __name__ == "__main__":
    django.setup()
    work_in_children(make)
