"""`python manage.py run`, which is `make run`: everything on one machine, until Ctrl-C."""

import os
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from web.supervisor.errors import CannotRun
from web.supervisor.preparation import read_port
from web.supervisor.supervisor import Supervisor


class Command(BaseCommand):
    """Start database, broker, web server, workers and beat, and watch them."""

    help = "Start everything on PORT (default 8000, loopback); Ctrl-C stops it, the data stays."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until a signal; exit 2 for a port that cannot be used."""
        try:
            port = read_port(os.environ)
        except CannotRun as error:
            self.stderr.write(f"attune: {error}")
            sys.exit(error.code)
        sys.exit(Supervisor(home=settings.ATTUNE_HOME, port=port).run())
