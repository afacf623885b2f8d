"""Which invitations were mailed of late."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_people_join_and_programs_too"),
    ]

    operations = [
        migrations.CreateModel(
            name="InvitationMail",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("address_hash", models.CharField(max_length=64)),
                ("at", models.DateTimeField()),
            ],
            options={
                "indexes": [
                    models.Index(fields=["address_hash", "at"], name="invitation_mail_by_address"),
                    models.Index(fields=["at"], name="invitation_mail_by_time"),
                ],
            },
        ),
    ]
