from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("probe", "0002_rows_and_tables_by_hand")]
    operations = [
        AddIndexConcurrently("book", models.Index(fields=["title"], name="book_by_title")),
    ]
