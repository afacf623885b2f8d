"""Making users."""

from typing import TYPE_CHECKING, Any

from django.contrib.auth.base_user import BaseUserManager

if TYPE_CHECKING:
    from accounts.models import User


class UserManager(BaseUserManager["User"]):
    """Makes users by e-mail address, which is kept in lower case as a whole."""

    use_in_migrations = True

    @classmethod
    def normalize_email(cls, email: str | None) -> str:
        """The address as it is stored and looked up: no spaces around it, lower case.

        Standards allow mailboxes that differ by case only; people do not have them, and two
        accounts that look the same are a trap.
        """
        return (email or "").strip().lower()

    def get_by_natural_key(self, username: str | None) -> "User":
        """The user who signs in as `username`, whatever its case."""
        return self.get(email=self.normalize_email(username))

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Make a user. Without a password nobody can sign in as this user.

        Raises:
            ValueError: `email` is empty.
        """
        address = self.normalize_email(email)
        if not address:
            raise ValueError("A user needs an e-mail address: it is what people sign in with.")
        user = self.model(email=address, **fields)
        user.set_password(password)
        user.save()
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Make a user who may do everything inside this tenant."""
        fields |= {"role": self.model.Role.ADMIN, "is_staff": True, "is_superuser": True}
        return self.create_user(email, password, **fields)
