# Apart from the new columns, which lock the table: this locks rows only.

from django.db import migrations
from django.db.models import F


def keep_ids(apps, schema_editor):
    """What was said before keeps the id of its slate, too."""
    feedback = apps.get_model('recommender', 'Feedback').objects.using(schema_editor.connection.alias)
    feedback.exclude(slate=None).update(slate_uid=F('slate_id'))


class Migration(migrations.Migration):

    dependencies = [
        ('recommender', '0007_calibrations'),
    ]

    operations = [
        migrations.RunPython(keep_ids, migrations.RunPython.noop),
    ]
