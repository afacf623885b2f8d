"""Test databases are not made by Django here: the servers of a test are fixtures, ready made."""

from typing import Any

from django.db.backends.postgresql.creation import DatabaseCreation


class NoCreation(DatabaseCreation):
    """Makes and drops nothing; Django's own would drop the database that it finds."""

    def create_test_db(self, *args: Any, **kwargs: Any) -> str:
        """Use what is there."""
        name: str = self.connection.settings_dict["NAME"]
        return name

    def destroy_test_db(self, *args: Any, **kwargs: Any) -> None:
        """Leave it there."""

    def clone_test_db(self, *args: Any, **kwargs: Any) -> None:
        """Leave it as it is."""

    def setup_worker_connection(self, *args: Any, **kwargs: Any) -> None:
        """Leave it as it is."""

    def serialize_db_to_string(self) -> str:
        """Nothing was made, so there is nothing to put back."""
        return "[]"

    def test_db_signature(self) -> tuple[str, str, str, str]:
        """Aliases are never the same database to Django."""
        return ("", "", "", self.connection.alias)
