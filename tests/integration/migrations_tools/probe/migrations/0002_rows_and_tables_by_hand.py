from django.db import connection, migrations


def fill(apps, schema_editor):
    """As libraries write them: by model, through the alias given, and by `connection`."""
    shelf = apps.get_model("probe", "Shelf")
    shelf.objects.create(name="by model")
    shelf.objects.using(schema_editor.connection.alias).create(name="by alias")
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO probe_shelf (name) VALUES ('by cursor')")
        cursor.execute("CREATE TABLE probe_by_hand (id int)")
    book = apps.get_model("probe", "Book")
    book.objects.create(title="first", shelf=shelf.objects.get(name="by cursor"))


class Migration(migrations.Migration):
    dependencies = [("probe", "0001_initial")]
    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.RunSQL(
            "CREATE TABLE probe_event (day int) PARTITION BY RANGE (day);"
            " CREATE TABLE probe_event_1 PARTITION OF probe_event FOR VALUES FROM (0) TO (9)"
        ),
    ]
