"""The journal of a tenant's making keeps a keyed hash of the first admin's address from now on."""

from typing import Any

from django.db import migrations
from django.utils.crypto import salted_hmac


def hash_addresses(apps: Any, schema_editor: Any) -> None:
    rows = apps.get_model("tenants", "Provisioning").objects.using("control")
    for row in rows.filter(asked__has_key="admin_email"):
        email = row.asked.pop("admin_email")
        digest = salted_hmac("tenants.first-admin", email, algorithm="sha256").hexdigest()
        row.asked["admin"] = digest if email else ""
        row.save(update_fields=["asked"])


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0004_plan"),
    ]

    operations = [migrations.RunPython(hash_addresses, migrations.RunPython.noop)]
