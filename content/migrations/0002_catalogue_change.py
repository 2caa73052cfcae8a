import django.db.models.functions.datetime
from django.db import migrations, models

TABLES = (
    "content_course",
    "content_section",
    "content_item",
    "content_item_concepts",
    "content_prerequisite",
)

FUNCTION = """
CREATE FUNCTION content_note_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO content_cataloguechange DEFAULT VALUES;
    RETURN NULL;
END
$$
"""

TRIGGER = """
CREATE TRIGGER content_note_change AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION content_note_change()
"""


class Migration(migrations.Migration):
    dependencies = [("content", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="CatalogueChange",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "changed_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        verbose_name="changed",
                    ),
                ),
            ],
            options={
                "verbose_name": "change of the catalogue",
                "verbose_name_plural": "changes of the catalogue",
            },
        ),
        migrations.RunSQL(FUNCTION, "DROP FUNCTION content_note_change()"),
        *(
            migrations.RunSQL(
                TRIGGER.format(table=table), f"DROP TRIGGER content_note_change ON {table}"
            )
            for table in TABLES
        ),
    ]
