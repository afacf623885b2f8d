"""Build the image of the state that the code wants, on each PostgreSQL major in use."""

import dataclasses
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.db.models import Count
from django.db.models.functions import Now

from migrations_tools.execution import Tell, silent
from migrations_tools.ids.services.allocate import allocate_from
from migrations_tools.ids.services.names import names_in
from migrations_tools.images.conf import image_settings
from migrations_tools.images.errors import (
    ImageRefused,
    LocalIdsLeft,
    NoShardOfMajor,
)
from migrations_tools.images.models import CONTROL, Image
from migrations_tools.images.reading import Reading, agree, prove, read
from migrations_tools.images.services.find_image import packed
from migrations_tools.images.templates import Template, run_migrations, template
from migrations_tools.images.types import BuiltImage, ImageOutcome, ImageReceipt
from migrations_tools.sources import source_digest
from migrations_tools.states import State, wanted_state
from sharding.placements.models import Shard
from sharding.placements.services.reference import bring_newest
from sharding.placements.states import ShardState
from sharding.registry import current as addresses
from sharding.registry.types import Server
from sharding.schemas.connections import BRIEF, Connection, own_connection
from sharding.schemas.errors import SchemaError
from sharding.schemas.services.image_replay import ImageBody

_ROUNDS: Final = 3
"""New names may bring permissions of their own to light; more than one round was never seen."""

_DIGESTS: Final = "SELECT DISTINCT digest FROM atoll.tenant_schema WHERE digest IS NOT NULL"


@dataclass(frozen=True, slots=True)
class _Job:
    """One image to build."""

    state: State
    major: int
    shard: str


@dataclass(frozen=True, slots=True)
class _Run:
    """One build: what was read off, what was applied, how many names got global ids by the way."""

    reading: Reading
    migrations: tuple[str, ...]
    ids: int


def build_image(
    major: int | None = None, *, force: bool = False, dry_run: bool = False, tell: Tell = silent
) -> ImageReceipt:
    """Build what is missing, of one major or of all that shards in use have.

    Migrations are run twice in templates and compared; the script is replayed in a third and
    compared with them. What cannot be an image is written down with its reason, and tenants are
    made by Django's migrations. What was built of migrations that were edited since is built
    again, and with `force` all is.

    Transaction: forbids an open one on control and on the shards.
    Idempotent: an image that is there is kept.

    Raises:
        NoShardOfMajor, NoDump, LocalIdsLeft: nothing was changed.
        ServerUnreachable: run it again.
        DatabaseError: a migration fails; it would fail for every tenant.
    """
    state = wanted_state()
    built = []
    for number, shard in sorted(_shards_by_major(major).items()):
        job = _Job(state, number, shard)
        there = _there(job)
        if there is not None and not force:
            outcome = ImageOutcome.REFUSED if there.refused else ImageOutcome.KEPT
            built.append(_told(there, shard, outcome))
        elif dry_run:
            built.append(BuiltImage(number, shard, ImageOutcome.TO_BUILD))
        else:
            built.append(_one_major(job, tell))
    dropped = 0 if dry_run else _drop_old(state)
    return ImageReceipt(state.digest, len(state.nodes), tuple(built), dropped)


def _shards_by_major(major: int | None) -> dict[int, str]:
    """The shard with the fewest tenants of each major."""
    rows = (
        Shard.objects.using(CONTROL)
        .filter(state=ShardState.ACTIVE)
        .annotate(tenants=Count("placements"))
        .order_by("-tenants", "-name")
    )
    known = addresses.registry().shards
    found = {row.version // 10000: row.name for row in rows if row.name in known}
    wanted = {number: name for number, name in found.items() if major in (None, number)}
    if not wanted:
        raise NoShardOfMajor(major, tuple(sorted(found)))
    return wanted


def _there(job: _Job) -> Image | None:
    """Its row, if the migrations are what they were when it was built."""
    rows = Image.objects.using(CONTROL).filter(source=source_digest(job.state))
    return rows.filter(digest=job.state.digest, major=job.major).first()


def _one_major(job: _Job, tell: Tell) -> BuiltImage:
    began = time.monotonic()
    try:
        body, run = _built(job, tell)
    except ImageRefused as error:
        image = _store(job, {"refused": error.why, "body": b"", "statements": 0, "locks": 0})
        told = _told(image, job.shard, ImageOutcome.REFUSED)
        code, ids = error.code, 0
    else:
        image = _store(job, _facts(body, run))
        told = _told(image, job.shard, ImageOutcome.BUILT)
        code, ids = "", run.ids
    took = timedelta(seconds=time.monotonic() - began)
    return dataclasses.replace(told, code=code, ids=ids, took=took)


def _built(job: _Job, tell: Tell) -> tuple[ImageBody, _Run]:
    server, expressions = addresses.shard(job.shard), image_settings().expressions
    bring_newest(server)
    first = _run(server, f"{server.name}, first build", tell)
    second = _run(server, f"{server.name}, second build", tell)
    both = agree(first.reading, second.reading, expressions)
    tell(f"{server.name}: replaying {len(both.script)} statements")
    return prove(server, both, job.state.digest, expressions), first


def _run(server: Server, what: str, tell: Tell) -> _Run:
    """Run all migrations in a template, as often as it takes until every name has its global id."""
    ids = 0
    for _ in range(_ROUNDS):
        with template(server) as made:
            migrations = run_migrations(made, tell=lambda name: tell(f"{what}: {name}"))
            allocation = allocate_from(made.raw, made.name)
            new = len(allocation.content_types) + len(allocation.permissions)
            if not new:
                _refuse_local_ids(made)
                return _Run(read(made), migrations, ids)
        ids += new
        tell(f"{what}: {new} names got global ids; once more with these")
    raise LocalIdsLeft(server.name, (*allocation.content_types, *allocation.permissions))


def _refuse_local_ids(made: Template) -> None:
    names = names_in(made.raw, made.name)
    left = sorted(map(str, (*names.types, *names.permissions)))
    if left:
        raise LocalIdsLeft(made.server.name, tuple(left))


def _facts(body: ImageBody, run: _Run) -> dict[str, object]:
    return {
        "refused": "",
        "fingerprint": body.fingerprint,
        "body": packed(body),
        "locks": body.locks,
        "nodes": list(run.migrations),
        "statements": len(run.reading.script),
    }


def _store(job: _Job, facts: dict[str, object]) -> Image:
    checks = {"shard": job.shard, "builds_compared": 2, "replayed": not facts["refused"]}
    image, _ = Image.objects.using(CONTROL).update_or_create(
        digest=job.state.digest,
        major=job.major,
        defaults={
            **facts,
            "source": source_digest(job.state),
            "checks": checks,
            "built_at": Now(),
        },
    )
    image.refresh_from_db(using=CONTROL)
    return image


def _drop_old(state: State) -> int:
    """Forget images of states that no schema is at; none while a shard cannot be asked."""
    used = {state.digest}
    for name in _asked():
        try:
            with own_connection(addresses.shard(name), BRIEF) as connection:
                used |= _digests(connection)
        except SchemaError:
            return 0
    dropped, _ = Image.objects.using(CONTROL).exclude(digest__in=used).delete()
    return dropped


def _asked() -> Iterable[str]:
    rows = Shard.objects.using(CONTROL).exclude(state=ShardState.PREPARING)
    return rows.values_list("name", flat=True)


def _digests(connection: Connection) -> set[str]:
    return {digest for (digest,) in connection.execute(_DIGESTS)}


def _told(image: Image, shard: str, outcome: ImageOutcome) -> BuiltImage:
    return BuiltImage(
        major=image.major,
        shard=shard,
        outcome=outcome,
        why=image.refused,
        fingerprint=image.fingerprint,
        statements=image.statements,
        locks=image.locks,
        bytes=len(image.body),
    )
