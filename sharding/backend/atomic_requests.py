"""One transaction per request, on the database of the scope."""

from contextvars import ContextVar

from sharding import scope

view_is_async: ContextVar[bool] = ContextVar("atoll_view_is_async", default=False)
"""Set by the tenant middleware's `process_view`: Django cannot wrap an async view."""


class WhileInScope:
    """The value of ATOMIC_REQUESTS: true while a request has a scope and its view is sync.

    Django asks for its truth per request, inside the middleware chain; DRF does when it decides
    whether to roll back. It stands on `default` and in the settings of every shard.
    """

    def __bool__(self) -> bool:
        return scope.current() is not None and not view_is_async.get()

    def __repr__(self) -> str:
        return "WhileInScope()"
