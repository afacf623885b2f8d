"""Makes tenants in processes of their own, each of which stops at one point to be killed there.

Reads lines of `POINT<TAB>FILE<TAB>SLUG`; answers each with the id of the process that it made for
it. That process writes FILE when it has come to POINT, and then waits.
"""

import os
import signal
import sys
import time
from pathlib import Path

import django

EMAIL = "admin@victim.example"
PASSWORD = "correct-horse-battery"


def stop(file):
    Path(file).write_text("here", encoding="utf-8")
    time.sleep(600)


def always(*args, **kwargs):
    return True


def after(module, name, when=always):
    """Stop when `name` has done its work."""

    def arrange(file):
        real = getattr(module, name)

        def wrapped(*args, **kwargs):
            result = real(*args, **kwargs)
            if when(*args, **kwargs):
                stop(file)
            return result

        setattr(module, name, wrapped)

    return arrange


def before(module, name, when=always):
    """Stop when `name` is about to begin."""

    def arrange(file):
        real = getattr(module, name)

        def wrapped(*args, **kwargs):
            if when(*args, **kwargs):
                stop(file)
            return real(*args, **kwargs)

        setattr(module, name, wrapped)

    return arrange


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


def main():
    django.setup()
    # Who is killed is gone at once, and no zombie.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            make(*line.rstrip("\n").split("\t"))
            os._exit(0)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
