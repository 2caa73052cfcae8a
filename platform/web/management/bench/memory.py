"""How much memory each part of a running platform takes."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

PARTS = ("web", "worker", "trainer", "beat", "postgres", "valkey")


def measure_memory(home: Path) -> dict[str, dict[str, Any]]:
    """Return for each part the processes it consists of and their RSS and PSS in MB.

    PSS counts a page that several processes share once among them, so it can be added up; RSS counts it in each.
    PSS is None where the system does not tell it.
    """
    found = {}
    for part in PARTS:
        with suppress(OSError, ValueError, psutil.NoSuchProcess):
            parent = psutil.Process(int((home / "run" / f"{part}.pid").read_text(encoding="ascii")))
            found[part] = _add_up([parent, *parent.children(recursive=True)])
    return found


def _add_up(processes: list[psutil.Process]) -> dict[str, Any]:
    count, rss, pss = 0, 0, 0
    told = True
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            rss += process.memory_info().rss
            count += 1
            try:
                pss += getattr(process.memory_full_info(), "pss", 0)
            except psutil.AccessDenied:
                told = False
    megabyte = 1 << 20
    known = told and pss > 0
    return {
        "processes": count,
        "rss_mb": round(rss / megabyte, 1),
        "pss_mb": round(pss / megabyte, 1) if known else None,
    }
