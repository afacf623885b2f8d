"""Steps that give the mover what moves need, and no more."""

from psycopg import sql

from sharding.registry.types import Server
from sharding.schemas.preparation.types import DatabaseFacts, Step

_FINE_GRAINED_SINCE = 160000

_MEMBER_DONE = "SELECT pg_has_role({mover}, {own}, 'MEMBER')"
_SUBSCRIBER_DONE = "SELECT pg_has_role({mover}, 'pg_create_subscription', 'MEMBER')"
_WATCH_DONE = """
    SELECT pg_has_role({mover}, 'pg_read_all_stats', 'MEMBER')
       AND pg_has_role({mover}, 'pg_signal_backend', 'MEMBER')
       AND has_parameter_privilege({mover}, 'deadlock_timeout', 'SET')
       AND has_parameter_privilege({mover}, 'session_replication_role', 'SET')
       AND has_parameter_privilege({mover}, 'log_min_error_statement', 'SET')
       AND has_database_privilege({mover}, current_database(), 'CREATE')
"""


def mover_steps(server: Server, facts: DatabaseFacts) -> tuple[Step, ...]:
    """None where the server has no mover."""
    if server.mover is None:
        return ()
    mover, own = sql.Identifier(server.mover.user), sql.Identifier(server.own.user)
    parts = {"mover": sql.Literal(server.mover.user), "own": sql.Literal(server.own.user)}
    fine_grained = facts.version >= _FINE_GRAINED_SINCE
    inherit = sql.SQL(" WITH INHERIT FALSE, SET TRUE" if fine_grained else "")
    steps = [
        Step(
            key="mover-owns",
            does="Let the mover act as own",
            done=sql.SQL(_MEMBER_DONE).format(**parts),
            act=(sql.SQL("GRANT {} TO {}{}").format(own, mover, inherit),),
        ),
        Step(
            key="mover-watches",
            does="Let the mover see and end sessions, hold locks briefly and subscribe here",
            done=sql.SQL(_WATCH_DONE).format(**parts),
            act=(
                sql.SQL("GRANT pg_read_all_stats, pg_signal_backend TO {}").format(mover)
                if not fine_grained
                # Its session must have these rights without asking for them.
                else sql.SQL(
                    "GRANT pg_read_all_stats, pg_signal_backend TO {} WITH INHERIT TRUE"
                ).format(mover),
                sql.SQL("GRANT SET ON PARAMETER deadlock_timeout TO {}").format(mover),
                sql.SQL("GRANT SET ON PARAMETER session_replication_role TO {}").format(mover),
                # What it says to subscribe holds a password, which no log is to have.
                sql.SQL("GRANT SET ON PARAMETER log_min_error_statement TO {}").format(mover),
                sql.SQL("GRANT CREATE ON DATABASE {} TO {}").format(
                    sql.Identifier(facts.database), mover
                ),
            ),
            optional=True,
        ),
    ]
    if fine_grained:
        steps.append(
            Step(
                key="mover-subscribes",
                does="Let the mover make subscriptions",
                done=sql.SQL(_SUBSCRIBER_DONE).format(**parts),
                act=(
                    sql.SQL("GRANT pg_create_subscription TO {} WITH INHERIT TRUE").format(mover),
                ),
                optional=True,
            )
        )
    return tuple(steps)
