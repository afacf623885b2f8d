"""The steps that turn a bare database into a shard: pure, one list, in order."""

from sharding.registry.types import Server
from sharding.schemas.preparation.contents import content_steps
from sharding.schemas.preparation.global_ids import global_id_steps
from sharding.schemas.preparation.logins import login_steps
from sharding.schemas.preparation.mover import mover_steps
from sharding.schemas.preparation.pooler import pooler_steps
from sharding.schemas.preparation.rights import right_steps
from sharding.schemas.preparation.types import DatabaseFacts, Encrypt, Step


def plan_steps(server: Server, facts: DatabaseFacts, encrypt: Encrypt) -> tuple[Step, ...]:
    """All steps for this server, in order, whether they are done or not."""
    return (
        *login_steps(server, facts, encrypt),
        *right_steps(server, facts),
        *content_steps(server),
        *global_id_steps(server),
        *mover_steps(server, facts),
        *pooler_steps(server),
    )
