from django.db import migrations, models


def seed(apps, schema_editor):
    apps.get_model("notes", "Note").objects.create(text="seed")


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            "Note",
            [
                ("id", models.BigAutoField(primary_key=True)),
                ("text", models.TextField()),
                ("answers", models.ForeignKey("notes.Note", models.CASCADE, null=True)),
                (
                    "letters",
                    models.GeneratedField(
                        expression=models.functions.Length("text"),
                        output_field=models.IntegerField(),
                        db_persist=True,
                    ),
                ),
            ],
        ),
        migrations.RunPython(seed),
    ]
