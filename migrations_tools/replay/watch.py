"""Listen to a connection while a migration runs: what was sent, and who sent it.

Nothing of Django's is patched. For the length of a `with` block the connection has a schema editor
and an introspection that say when they are at work, and an execute wrapper that writes down.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, Final

from django.db.backends.base.base import BaseDatabaseWrapper

from migrations_tools.replay.types import Seen, Sender, Statement

_SAVEPOINT: Final = re.compile(r'(?:SAVEPOINT|RELEASE SAVEPOINT|ROLLBACK TO SAVEPOINT) "')
_DROP_IF_EXISTS: Final = re.compile(
    r'(?P<drop>\s*DROP\s+INDEX\s+)IF\s+EXISTS\s+(?P<name>"(?:[^"]|"")+"|\w+)\s*;?\s*'
)
_IS_THERE: Final = "SELECT to_regclass(%s)::text"


class Watch:
    """What was seen since the last `take`."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self._connection = connection
        self._senders: list[Sender] = []
        self._statements: list[Statement] = []
        self._defaults: list[tuple[str, Any]] = []

    @contextmanager
    def sending(self, sender: Sender) -> Iterator[None]:
        """What is sent inside is `sender`'s."""
        self._senders.append(sender)
        try:
            yield
        finally:
            self._senders.pop()

    def note_default(self, field: Any) -> None:
        """The default of this field was worked out."""
        self._defaults.append((str(field), field))

    def take(self) -> Seen:
        """What was seen, and forget it."""
        seen = Seen(tuple(self._statements), tuple(self._defaults))
        self._statements, self._defaults = [], []
        return seen

    def __call__(
        self, execute: Callable[..., Any], text: Any, params: Any, many: bool, context: Any
    ) -> Any:
        """Django's execute wrapper: write down, then send.

        `DROP INDEX IF EXISTS` is settled here, where the answer is known: what is not there is not
        sent, and what is there is dropped without IF, so that a schema whose index has another name
        says so.
        """
        # What is no text is composed by the driver: of furniture, and of no schema editor.
        said = text if isinstance(text, str) else repr(text)
        sender = self._senders[-1] if self._senders else Sender.OTHER
        if sender is Sender.OTHER and _SAVEPOINT.match(said):
            sender = Sender.SAVEPOINT
        if sender is Sender.EDITOR and (drop := _DROP_IF_EXISTS.fullmatch(said)):
            if not self._is_there(drop["name"]):
                return None
            text = said = drop["drop"] + drop["name"]
        # Before it is sent: what failed may have been caught by whoever sent it.
        self._statements.append(Statement(sender, said, parameters=bool(params), many=many))
        return execute(text, params, many, context)

    def _is_there(self, name: str) -> bool:
        # On the driver's own connection, which nobody listens to, in the same transaction.
        row = self._connection.connection.execute(_IS_THERE, (name,)).fetchone()
        return row[0] is not None


@contextmanager
def watching(connection: BaseDatabaseWrapper) -> Iterator[Watch]:
    """Listen to `connection` for the length of a `with` block."""
    watch = Watch(connection)
    subject: Any = connection
    before = {
        name: getattr(subject, name)
        for name in ("SchemaEditorClass", "introspection", "on_schema_change")
    }
    subject.SchemaEditorClass = _watched_editor(subject.SchemaEditorClass, watch)
    subject.introspection = _WatchedIntrospection(subject.introspection, watch)
    if subject.on_schema_change is not None:
        subject.on_schema_change = _said_by(watch, Sender.FURNITURE, subject.on_schema_change)
    try:
        with connection.execute_wrapper(watch):
            yield watch
    finally:
        for name, value in before.items():
            setattr(subject, name, value)


def _watched_editor(base: Any, watch: Watch) -> type:
    class WatchedEditor(base):
        """Says when it is at work, and whose default it works out."""

        def execute(self, sql: Any, params: Any = ()) -> Any:
            """The base's, as the schema editor's."""
            with watch.sending(Sender.EDITOR):
                return super().execute(sql, params)

        def effective_default(self, field: Any) -> Any:
            """The base's, noted down."""
            watch.note_default(field)
            return super().effective_default(field)

    return WatchedEditor


class _WatchedIntrospection:
    """Django's introspection, whose looks are told apart from anybody else's."""

    def __init__(self, inner: Any, watch: Watch) -> None:
        self._inner = inner
        self._watch = watch

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._inner, name)
        if name.startswith("get_") or name == "table_names":
            return _said_by(self._watch, Sender.INTROSPECTION, value)
        return value


def _said_by(watch: Watch, sender: Sender, call: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(call)
    def said(*args: Any, **options: Any) -> Any:
        with watch.sending(sender):
            return call(*args, **options)

    return said
