"""How the first admin of a new workspace gets in without a password."""

from accounts.models import User
from accounts.services.password_links import make_password_path


def welcome_path(user: User) -> str:
    """The path, on the tenant's own host, where `user` sets a first password and is signed in.

    It is as good as a password, once and for an hour; afterwards "Forgotten your password?" helps.

    Raises:
        NoTenantInScope: it is signed for the tenant in scope.
    """
    return make_password_path(user)
