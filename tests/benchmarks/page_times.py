"""Times pages of the product inside one process: `… ROUNDS`, prints JSON.

Server time: from the request to the last byte of the answer, through all middleware, the database
and the templates; no socket to a browser and no load balancer. One request at a time.
"""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from urllib.parse import urlencode

import django
from django.conf import settings
from django.db import connections
from django.test import Client
from django_otp.oath import TOTP

from tests.benchmarks.page_rows import SLUG

_LIST = {
    "unsolved, the newest": {},
    "all, the newest": {"status": "all"},
    "all, lately changed": {"status": "all", "order": "changed"},
    "unassigned and urgent": {"assignee": "none", "priority": "urgent"},
    "mine": {"assignee": "me"},
    "closed and mine": {"status": "closed", "assignee": "me"},
    "search: one in a thousand": {"text": "gasket", "status": "all"},
    "search: every third": {"text": "printer", "status": "all"},
    "search: every one": {"text": "please", "status": "all"},
    "search: two words, the newest": {"text": "heater cable", "status": "all", "order": "newest"},
    "search: no match": {"text": "submarine", "status": "all"},
}
_PAGES_IN = 40
_CONSOLE = {
    "all": {},
    "a slug": {"text": "customer-04711"},
    "a beginning that all share": {"text": "customer"},
    "a word of every fourth name": {"text": "willow"},
    "nothing like it": {"text": "submarine"},
}


def main(rounds: int) -> None:
    """Measure, and print by page: milliseconds (best, median, 95th percentile) and queries."""
    print(json.dumps({"list": times_of_the_list(rounds), "console": times_of_the_console(rounds)}))


def times_of_the_list(rounds: int) -> dict[str, dict[str, float]]:
    """The list of tickets, as a member asks for it."""
    from accounts.models import User
    from sharding import scope
    from tenants.services.finding import find_tenant, placement_of

    place = placement_of(find_tenant(SLUG))
    visitor = Client(headers={"host": f"{SLUG}.{settings.ATOLL_BASE_DOMAIN}"})
    with scope.enter(place):
        visitor.force_login(User.objects.order_by("email")[3])
        connection = connections["default"]
    with counted(connection, connections["control"]) as queries:
        pages = {
            label: timed(visitor, f"/tickets/?{urlencode(query)}", rounds, queries)
            for label, query in _LIST.items()
        }
        deep = f"/tickets/?{urlencode(_deep(visitor))}"
        pages[f"all, {_PAGES_IN} pages in"] = timed(visitor, deep, rounds, queries)
    return pages


def times_of_the_console(rounds: int) -> dict[str, dict[str, float]]:
    """The search for tenants, as an operator asks for it."""
    visitor = _operator(settings.ATOLL_CONSOLE_HOSTS[0])
    with counted(connections["control"]) as queries:
        return {
            label: timed(visitor, f"/tenants/?{urlencode(query)}", rounds, queries)
            for label, query in _CONSOLE.items()
        }


def timed(visitor: Client, path: str, rounds: int, queries: list[str]) -> dict[str, float]:
    """One page, asked for again and again."""
    for _ in range(3):
        _ask(visitor, path)
    taken = []
    for _ in range(rounds):
        queries.clear()
        began = time.perf_counter()
        _ask(visitor, path)
        taken.append((time.perf_counter() - began) * 1000)
    return {
        "best_ms": round(min(taken), 2),
        "p50_ms": round(median(taken), 2),
        "p95_ms": round(sorted(taken)[int(rounds * 0.95)], 2),
        "queries": len(queries),
    }


@contextmanager
def counted(*wrappers) -> Iterator[list[str]]:
    """Statements that go out over these connections."""
    seen: list[str] = []

    def note(execute, sql, params, many, context):
        seen.append(sql)
        return execute(sql, params, many, context)

    for wrapper in wrappers:
        wrapper.execute_wrappers.append(note)
    try:
        yield seen
    finally:
        for wrapper in wrappers:
            wrapper.execute_wrappers.remove(note)


def _ask(visitor: Client, path: str) -> str:
    answer = visitor.get(path)
    if answer.status_code != 200:
        raise SystemExit(f"{path} answered {answer.status_code}")
    return answer.content.decode()


def _deep(visitor: Client) -> dict[str, str]:
    """The query of a page far in, found as people find it: by the link to the next one."""
    query = {"status": "all"}
    for _ in range(_PAGES_IN):
        page = _ask(visitor, f"/tickets/?{urlencode(query)}")
        cursor = page.split('rel="next" href="')[1].split("after=")[1].split('"')[0].split("&")[0]
        query = {"status": "all", "after": cursor}
    return query


def _operator(host: str) -> Client:
    from console.models import CONTROL, TotpDevice
    from console.services.operators import create_operator

    password = "a password of the benchmark"
    made = create_operator("bench@operators.example", password=password)
    device = TotpDevice.objects.using(CONTROL).get(user_id=made.operator.pk, confirmed=True)
    totp = TOTP(bytes.fromhex(device.key), device.STEP)
    totp.time = time.time()
    visitor = Client(headers={"host": host})
    visitor.post("/sign-in/", {"email": "bench@operators.example", "password": password})
    visitor.post("/sign-in/code/", {"code": f"{totp.token():06}"})
    return visitor


if __name__ == "__main__":
    django.setup()
    main(int(sys.argv[1]))
