"""Three tenants of these tests' own: dune and elm share a shard, fern is on the other one."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core import mail
from django.db import connections

from accounts.models import InvitationMail, SignInAttempt, User
from tenants.outbox.models import Message
from tenants.outbox.services.drain import drain
from tests.integration.product.conftest import PASSWORD, broker, make

__all__ = ["broker"]

LINK = re.compile(r"^https?://\S+$", re.MULTILINE)


@pytest.fixture(scope="session")
def dune(stack_ready):
    return make("dune", "Dune Cars", "alpha")


@pytest.fixture(scope="session")
def elm(stack_ready):
    return make("elm", "Elm & Elm", "alpha")


@pytest.fixture(scope="session")
def fern(stack_ready):
    return make("fern", "Fern Florists", "beta")


@pytest.fixture(autouse=True)
def _nothing_waits_and_nobody_is_locked(request, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "files"
    for name in {"dune", "elm", "fern"} & set(request.fixturenames):
        with request.getfixturevalue(name).scope():
            SignInAttempt.objects.all().delete()
            InvitationMail.objects.all().delete()
            Message.objects.all().delete()


class Post:
    """What a tenant's outbox has sent by mail."""

    def read(self, workspace):
        """Deliver what waits; the mails that came."""
        before = len(mail.outbox)
        with workspace.scope():
            drain()
        return mail.outbox[before:]

    def only(self, workspace):
        (letter,) = self.read(workspace)
        return letter

    def path_in(self, letter):
        """The link of a mail, without its host."""
        (link,) = LINK.findall(letter.body)
        return link.partition("://")[2].partition("/")[2].join(["/", ""])


@pytest.fixture
def post(mailoutbox):
    return Post()


@pytest.fixture
def make_member():
    """make_member(workspace, "ann", role): a member with the tests' password."""

    def make_one(workspace, name, role=User.Role.AGENT, **fields):
        with workspace.scope():
            email = f"{name}@{workspace.slug}.example"
            User.objects.filter(email=email).delete()
            user = User(email=email, name=name.title(), role=role, **fields)
            user.set_password(PASSWORD)
            user.save()
            return user

    return make_one


@pytest.fixture
def together():
    """together(function, ...): call them at the same moment, each in a thread of its own.

    Answers what they returned or raised, in order.
    """

    def run(*functions):
        barrier = threading.Barrier(len(functions))

        def call(function):
            try:
                barrier.wait(timeout=10)
                return function()
            except Exception as error:  # noqa: BLE001 - the test looks at it
                return error
            finally:
                connections.close_all()

        with ThreadPoolExecutor(len(functions)) as pool:
            return list(pool.map(call, functions))

    return run
