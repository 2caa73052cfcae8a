"""The Celery application. Started as `celery --app workers.celery worker` from the project's root."""

import os
import sys
from pathlib import Path

from celery import Celery

ROOT = Path(__file__).resolve().parent.parent
for source_root in (str(ROOT), str(ROOT / "platform")):
    if source_root not in sys.path:
        sys.path.insert(0, source_root)
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("attune")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["workers"])


@app.on_after_configure.connect
def _schedule(sender: Celery, **_kwargs: object) -> None:
    from workers.schedule import build_schedule

    sender.conf.beat_schedule = build_schedule()


# Connects to the signals of starting workers.
from workers import bootstrap  # noqa: E402, F401
