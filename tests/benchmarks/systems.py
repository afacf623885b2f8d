"""The systems that are compared, and the workloads that each of them serves."""

from dataclasses import dataclass
from typing import Final

TENANTS: Final = 500
IN_TURN: Final = 10
ZIPF_EXPONENT: Final = 1.0
ZIPF_DRAWS: Final = 20_000


@dataclass(frozen=True, slots=True)
class System:
    """One column of the table.

    Attributes:
        name: its key in `.bench/requests.json`.
        label: its name in the table.
        settings: the module that it serves with.
        database: which database of the ground it reads: plain, django_tenants or atoll.
        pool: whether it uses Django's pool.
        in_main_table: whether the goals speak of it; the others stand below.
        budget: Atoll only: whether a connection is replaced once it has met as many schemas as
            ATOLL_SCHEMAS_PER_CONNECTION says when nobody sets it.
    """

    name: str
    label: str
    settings: str
    database: str
    pool: bool = False
    in_main_table: bool = True
    budget: bool = True

    @property
    def application(self) -> str:
        """What gunicorn serves: the product's own, or the same without its figures."""
        return "config.wsgi" if self.database == "atoll" else "tests.benchmarks.peers.wsgi"


_SETTINGS = "tests.benchmarks.settings"

SYSTEMS: Final = (
    System("plain", "plain Django", f"{_SETTINGS}.plain", "plain"),
    System("django_tenants", "django-tenants", f"{_SETTINGS}.django_tenants", "django_tenants"),
    System(
        "django_tenants_tuned",
        "django-tenants, tuned",
        f"{_SETTINGS}.django_tenants_tuned",
        "django_tenants",
    ),
    System("atoll", "Atoll", f"{_SETTINGS}.atoll", "atoll"),
    System("plain_pool", "plain Django, pool", f"{_SETTINGS}.plain", "plain", pool=True),
    System(
        "django_tenants_pool",
        "django-tenants, pool",
        f"{_SETTINGS}.django_tenants",
        "django_tenants",
        pool=True,
        in_main_table=False,
    ),
    System(
        "django_tenants_tuned_pool",
        "django-tenants, tuned, pool",
        f"{_SETTINGS}.django_tenants_tuned",
        "django_tenants",
        pool=True,
        in_main_table=False,
    ),
    System("atoll_pool", "Atoll, pool", f"{_SETTINGS}.atoll", "atoll", pool=True),
    System(
        "atoll_without_budget",
        "Atoll, no budget",
        f"{_SETTINGS}.atoll",
        "atoll",
        in_main_table=False,
        budget=False,
    ),
    System(
        "atoll_pool_without_budget",
        "Atoll, pool, no budget",
        f"{_SETTINGS}.atoll",
        "atoll",
        pool=True,
        in_main_table=False,
        budget=False,
    ),
)


@dataclass(frozen=True, slots=True)
class Workload:
    """One path, asked of hosts in one order."""

    name: str
    label: str
    path: str
    zipf: bool


WORKLOADS: Final = (
    Workload("one_row", "One row, ten tenants in turn", "/bench/one-row/", zipf=False),
    Workload("page", "Page of three queries, ten tenants in turn", "/bench/page/", zipf=False),
    Workload("one_row_zipf", "One row, {tenants} tenants by Zipf", "/bench/one-row/", zipf=True),
    Workload(
        "page_zipf", "Page of three queries, {tenants} tenants by Zipf", "/bench/page/", zipf=True
    ),
)


def slug(number: int) -> str:
    """The slug of tenant `number`, counted from 1 by falling popularity."""
    return f"bench{number:03d}"


def host(number: int) -> str:
    """The host of tenant `number`, the same for all systems."""
    return f"{slug(number)}.localhost"


BUILD_SETTINGS: Final = {"atoll": f"{_SETTINGS}.atoll_build"}
"""Where making the data needs other settings than serving."""
