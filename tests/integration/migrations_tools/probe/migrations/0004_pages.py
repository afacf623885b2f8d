from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("probe", "0003_index_without_a_transaction")]
    operations = [
        migrations.AddField("book", "pages", models.IntegerField(default=1)),
    ]
