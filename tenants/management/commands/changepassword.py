"""`changepassword`: Django's, for one tenant."""

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.management.commands import changepassword
from django.db import router

from tenants.replaced_commands import NeedsTenant


class Command(NeedsTenant, changepassword.Command):
    help = "Change somebody's password in the tenant in scope."
    command = "changepassword"

    def handle(self, *args: Any, **options: Any) -> Any:
        # Read under the bare name `default`, the record would know no tenant and not be saved.
        alias = router.db_for_write(get_user_model())
        return super().handle(*args, **{**options, "database": alias})
