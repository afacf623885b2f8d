"""Change what a member says about themself."""

from accounts.models import User


def change_profile(user: User) -> None:
    """Keep the name, the time zone and the wish for mail that `user` has now."""
    user.save(update_fields=["name", "time_zone", "wants_mail"])
