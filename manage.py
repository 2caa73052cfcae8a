#!/usr/bin/env python
"""Attune's command line. Commands that need a database or broker start the embedded ones first."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
sys.path[:0] = [str(ROOT), str(ROOT / "platform")]


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from common.servers import ensure_for_command
    from django.core.management import execute_from_command_line

    ensure_for_command(sys.argv)
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
