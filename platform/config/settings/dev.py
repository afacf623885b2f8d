"""Development: on this machine, against the devstack, with DEBUG."""

from config import env
from devstack.binaries import newest_pg_dump
from devstack.conf import Files, default_folder

env.set_defaults(
    {
        "ATOLL_SECRET_KEY": env.DEVELOPMENT_SECRET,
        "ATOLL_REDIS_URL": "redis://127.0.0.1:6379/0",
        "ATOLL_HTTPS": "false",
        "ATOLL_LOG_FORMAT": "line",
        "ATOLL_PG_DUMP": newest_pg_dump(),
        "ATOLL_MAIL_FOLDER": str(default_folder() / "mail"),
    },
    file=Files(default_folder()).environment,
)

from config.settings.base import *  # noqa: E402

DEBUG = True
# Its commands need what only requirements/devstack.txt brings.
INSTALLED_APPS = ["devstack", *INSTALLED_APPS]
