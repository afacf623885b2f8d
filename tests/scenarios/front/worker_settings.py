"""The settings of workers that are killed: as in tests, but provisioning stops once on its way."""

import os

from config.mail import mail_settings
from config.settings.test import *  # noqa: F403

ATOLL_MAIL_FOLDER = os.environ["KEEP_MAIL_IN"]
globals().update(mail_settings("smtp://localhost:25", backend="front.sent_mail.FolderBackend"))
TENANT_PROVISION_STEPS = [
    "tests.scenarios.front.stopping.stop_once",
    "accounts.provision.first_admin",
]
