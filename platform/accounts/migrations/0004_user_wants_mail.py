"""Who wants to be told by mail of what concerns them: everybody, until they say no."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0003_invitation_mails"),
    ]

    operations = [
        migrations.AddField(
            model_name="user",
            name="wants_mail",
            field=models.BooleanField(
                db_default=True,
                default=True,
                help_text="Without it you still get links that you ask for.",
                verbose_name="Tell me by mail what concerns me",
            ),
        ),
    ]
