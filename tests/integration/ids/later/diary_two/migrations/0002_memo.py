import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("diary", "0001_initial")]
    operations = [
        migrations.RenameModel("Note", "Memo"),
        migrations.CreateModel(
            name="Note",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "memo",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="diary.memo"),
                ),
            ],
        ),
    ]
