"""Two tenants on two shards, and an operator."""

import time
from dataclasses import dataclass

import pytest
from django.core.cache import caches
from django.test import Client
from django_otp.oath import TOTP

from accounts.models import User
from console.models import CONTROL, Operator, OperatorSession, SignInFailure, TotpDevice
from console.services.operators import create_operator
from sharding import scope
from tenants.services.provision import provision_tenant
from tenants.services.types import ProvisionRequest

HOST = "console.localhost"
PASSWORD = "a password of the console"


@dataclass(frozen=True)
class Workspace:
    slug: str
    place: scope.Placement

    @property
    def id(self):
        return self.place.tenant_id

    @property
    def host(self):
        return f"{self.slug}.localhost"

    @property
    def email(self):
        return f"admin@{self.slug}.example"

    def scope(self):
        return scope.enter(self.place)

    def visitor(self, **options):
        return Client(headers={"host": self.host}, **options)

    def member(self):
        visitor = self.visitor()
        with self.scope():
            visitor.force_login(User.objects.get(email=self.email))
        return visitor


def _make(slug, shard):
    receipt = provision_tenant(
        ProvisionRequest(
            slug=slug,
            name=f"{slug.title()} Paints",
            shard=shard,
            admin_email=f"admin@{slug}.example",
            admin_password=PASSWORD,
        )
    )
    return Workspace(slug, receipt.placement)


@pytest.fixture(scope="session")
def ochre(stack_ready):
    return _make("ochre", "alpha")


@pytest.fixture(scope="session")
def umber(stack_ready):
    return _make("umber", "beta")


class Person:
    """An operator with a device at hand."""

    password = PASSWORD

    def __init__(self, email):
        self.email = email
        made = create_operator(email, password=PASSWORD)
        self.pk = made.operator.pk

    @property
    def actor(self):
        return f"operator:{self.email}"

    @property
    def row(self):
        return Operator.objects.using(CONTROL).get(pk=self.pk)

    @property
    def device(self):
        return TotpDevice.objects.using(CONTROL).get(user_id=self.pk, confirmed=True)

    def code(self, *, confirmed=True):
        """What the device shows now; a test need not wait for the next after using one up."""
        devices = TotpDevice.objects.using(CONTROL).filter(user_id=self.pk, confirmed=confirmed)
        devices.update(last_t=-1, throttling_failure_count=0)
        return code_of(devices.get())

    def visitor(self, **options):
        return Client(headers={"host": HOST}, **options)

    def give_password(self, visitor, password=None):
        form = {"email": self.email, "password": password or self.password}
        return visitor.post("/sign-in/", form)

    def signed_in(self, **options):
        visitor = self.visitor(**options)
        assert self.give_password(visitor)["location"] == "/sign-in/code/"
        assert visitor.post("/sign-in/code/", {"code": self.code()})["location"] == "/"
        return visitor


def code_of(device, *, steps=0):
    totp = TOTP(bytes.fromhex(device.key), device.STEP)
    totp.time = time.time() + steps * device.STEP
    return f"{totp.token():06}"


def wrong(code):
    return f"{(int(code) + 111_111) % 1_000_000:06}"


@pytest.fixture
def make_operator(stack_ready):
    made = []

    def make(email="ann@operators.example"):
        made.append(Person(email))
        return made[-1]

    yield make
    Operator.objects.using(CONTROL).filter(pk__in=[each.pk for each in made]).delete()


@pytest.fixture
def ann(make_operator):
    return make_operator()


@pytest.fixture
def console(ann):
    """A browser in which ann has signed in."""
    return ann.signed_in()


@pytest.fixture(autouse=True)
def _nothing_remembered(stack_ready):
    SignInFailure.objects.using(CONTROL).all().delete()
    OperatorSession.objects.using(CONTROL).all().delete()
    caches["control"].clear()
