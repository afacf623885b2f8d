"""What a running demo must do: serve two tenants of different shards, and keep them apart."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from devstack.demo.errors import CheckFailed
from devstack.demo.operators import sign_in_to_console
from devstack.demo.types import Running, SignIn
from devstack.demo.visitor import Visitor

_EXPORT_WITHIN: Final = timedelta(seconds=60)
_DOWNLOAD: Final = re.compile(r'href="(/exports/[0-9a-f-]+/tickets\.csv)"')
_CONFIRMATION: Final = re.compile(r'href="http://[^/"]+(/sign-up/confirm/[^"]+)"')
_WAY_IN: Final = re.compile(r'href="(/sign-up/enter/[^"]+)"')
_MADE_WITHIN: Final = timedelta(seconds=60)
_TITLE: Final = "Only {slug} may read this"
_OPEN_COUNT: Final = re.compile(r">Open</a></dt><dd>(\d+)<")


@dataclass(frozen=True, slots=True)
class Pair:
    """Two signed-in members of different tenants; the third is a neighbour on `one`'s shard."""

    one: Visitor
    other: Visitor
    neighbour: SignIn
    port: int

    def both_ways(self) -> tuple[tuple[Visitor, Visitor], ...]:
        """Who writes, and who must not see it; then the other way round."""
        return (self.one, self.other), (self.other, self.one)


def prove(running: Running, say: Callable[[str], object]) -> None:
    """Try everything, saying each thing that was found right.

    Raises:
        CheckFailed: something was not.
    """
    by_slug = {each.slug: each for each in running.sign_ins}
    acme, birch, coral = by_slug["acme"], by_slug["birch"], by_slug["coral"]
    _require(acme.shard == birch.shard != coral.shard, "acme and coral are on different shards")
    with Visitor(running.port, acme.host) as one, Visitor(running.port, coral.host) as other:
        one.sign_in(acme)
        other.sign_in(coral)
        pair = Pair(one, other, neighbour=birch, port=running.port)
        for proof in (_hosts, _tickets, _counts, _sessions, _forms, _exports, _sign_up):
            say(f"ok: {proof(pair)}")
    say(f"ok: {_console(running)}")


def _hosts(pair: Pair) -> str:
    for host, status in (
        (f"localhost:{pair.port}", 200),
        (f"console.localhost:{pair.port}", 302),
        (f"nobody.localhost:{pair.port}", 404),
    ):
        with Visitor(pair.port, host) as visitor:
            visitor.get("/", expect=status)
    return "the public host and the console answer, an unknown host is not found"


def _tickets(pair: Pair) -> str:
    for writer, reader in pair.both_ways():
        mine, theirs = writer.slug, reader.slug
        path = _open_ticket(writer, _TITLE.format(slug=mine))
        writer.post(path, {"text": "Nor may anybody read that"}, seen_on=path)
        page = writer.get(path).text
        _require(_TITLE.format(slug=mine) in page, f"{mine} reads its ticket back")
        _require("Nor may anybody read that" in page, f"{mine} reads its comment back")
        # The same number may be another ticket at the other tenant, or none; never this one.
        seen = reader.http.get(path)
        _require(
            seen.status_code in {200, 404}, f"{theirs} gets an answer for {mine}'s ticket number"
        )
        _require(mine not in seen.text, f"{theirs}'s {path} lacks {mine}'s")
        for address in ("/", "/tickets/"):
            _require(mine not in reader.get(address).text, f"{theirs}'s {address} lacks {mine}'s")
        reader.get("/tickets/987654321/", expect=404)
    return "each writes a ticket and reads it back; its number leads nowhere at the other tenant"


def _counts(pair: Pair) -> str:
    ours, theirs = _open_count(pair.one), _open_count(pair.other)
    path = _open_ticket(pair.one, "One more")
    _require(_open_count(pair.one) == ours + 1, "the count follows a new ticket")
    pair.one.post(f"{path}close/", {}, seen_on=path)
    _require(_open_count(pair.one) == ours, "the count follows a closed ticket")
    _require(_open_count(pair.other) == theirs, "the other tenant's count stays")
    return "each tenant's dashboard counts its own tickets through the cache"


def _sessions(pair: Pair) -> str:
    stolen = dict(pair.one.http.cookies)
    for host in (pair.other.host, pair.neighbour.host):
        with Visitor(pair.port, host) as thief:
            thief.http.cookies.update(stolen)
            answer = thief.get("/tickets/", expect=302)
            to = answer.headers["location"]
            _require(to.startswith("/account/sign-in/"), f"{host} asks a stolen session to sign in")
    pair.one.get("/tickets/")
    return "a session is worth nothing at another tenant, on another shard or on the same"


def _forms(pair: Pair) -> str:
    answer = pair.one.http.post("/tickets/new/", data={"title": "Forged"})
    _require(answer.status_code == 403, "a form without its token is refused")
    _require("Forged" not in pair.one.get("/tickets/").text, "and changes nothing")
    return "a forged form is refused"


def _exports(pair: Pair) -> str:
    for owner, _ in pair.both_ways():
        owner.post("/exports/", {}, seen_on="/exports/")
    for owner, other in pair.both_ways():
        path = _wait_for(_DOWNLOAD, owner, "/exports/", _EXPORT_WITHIN)
        answer = owner.get(path)
        _require(_TITLE.format(slug=owner.slug) in answer.text, "the export holds its own ticket")
        _require(_TITLE.format(slug=other.slug) not in answer.text, "and not the other tenant's")
        _require("attachment" in answer.headers["content-disposition"], "the export is a download")
        other.get(path, expect=404)
        with Visitor(pair.port, owner.host) as stranger:
            stranger.get(path, expect=302)
    return "exports run on the queues of both shards, and only members of a tenant get its file"


def _sign_up(pair: Pair) -> str:
    with Visitor(pair.port, f"localhost:{pair.port}") as visitor:
        wish = {"name": "Ebb & Flow", "slug": "ebb", "email": "eve@ebb.example"}
        visitor.post("/sign-up/", wish, seen_on="/sign-up/")
        confirmation = _wait_for(_CONFIRMATION, visitor, "/mail/", _MADE_WITHIN)
        progress = visitor.post(confirmation, {}, seen_on=confirmation).headers["location"]
        way_in = _wait_for(_WAY_IN, visitor, progress, _MADE_WITHIN)
        welcome = visitor.get(way_in, expect=302).headers["location"]
        _require(f"//ebb.localhost:{pair.port}/" in welcome, "the way in leads to the workspace")
    with Visitor(pair.port, f"ebb.localhost:{pair.port}") as admin:
        admin.http.follow_redirects = True
        page = admin.get("/" + welcome.split("/", 3)[3]).text
        _require('type="password"' in page, "the first admin is asked for a password")
    return "somebody signs up: mail, confirmation, a workspace of their own, and in"


def _console(running: Running) -> str:
    operator = running.operator
    with Visitor(running.port, operator.host) as visitor:
        visitor.get("/shards/", expect=302)
        sign_in_to_console(visitor, operator)
        shards = visitor.get("/shards/").text
        for each in running.sign_ins:
            _require(f"bytes-{each.shard}" in shards, f"the console shows shard {each.shard}")
            found = visitor.get(f"/tenants/?text={each.slug}").text
            _require(each.host.partition(":")[0] in found, f"the console finds {each.slug}")
        _require("away" not in shards, "all shards answer the console")
    return "an operator signs in with password and code, and sees shards and tenants"


def _open_ticket(visitor: Visitor, title: str) -> str:
    page = "/tickets/new/"
    answer = visitor.post(page, {"title": title, "body": "From the check."}, seen_on=page)
    return answer.headers["location"]


def _open_count(visitor: Visitor) -> int:
    found = _OPEN_COUNT.search(visitor.get("/").text)
    _require(found is not None, f"the dashboard of {visitor.host} has a count")
    return int(found[1]) if found else 0


def _wait_for(what: re.Pattern[str], visitor: Visitor, page: str, within: timedelta) -> str:
    deadline = time.monotonic() + within.total_seconds()
    while time.monotonic() < deadline:
        if found := what.search(visitor.get(page).text):
            return found[1]
        time.sleep(0.3)
    raise CheckFailed(f"{page} did not show it within {within.total_seconds():.0f} s.")


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise CheckFailed(f"Not so: {what}.")
