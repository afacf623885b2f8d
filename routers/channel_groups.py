"""Names of channel groups: a message to one tenant's group reaches no other tenant."""

import re
from typing import Final

from sharding import scope

_LONGEST: Final = 99
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]+")


def tenant_group(name: str) -> str:
    """The group `name` of the tenant in scope.

    The tenant's id stands first and holds no dot, so that no name can reach another's groups.

    Raises:
        NoTenantInScope: there is no tenant in scope.
        ValueError: the name holds what group names may not hold, or is too long.
    """
    group = f"{scope.tenant('A channel group').tenant_id}.{name}"
    if not _NAME.fullmatch(name) or len(group) > _LONGEST:
        raise ValueError(
            f"{name!r} is no group name: give letters, digits, `_`, `.` and `-`, together with "
            f"the tenant's id at most {_LONGEST} characters."
        )
    return group
