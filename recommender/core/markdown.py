"""A report for people: the tables of its JSON as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first column is text, the others are figures."""
    lines = [list(head), ["---", *["---:"] * (len(head) - 1)], *map(list, rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def figure(value: Any, *, sign: bool = False) -> str:
    """Four digits; with its interval where there is one."""
    if value is None:
        return "–"
    if isinstance(value, Mapping):
        middle = figure(value["value"], sign=sign)
        return f"{middle} [{figure(value['low'])}, {figure(value['high'])}]"
    if isinstance(value, bool) or not isinstance(value, float):
        return str(value)
    return f"{value:+.4f}" if sign else f"{value:.4f}"


def as_markdown(report: Mapping[str, Any]) -> str:
    """Quality beside the baselines, then how it was reached.

    `diff` columns are ours minus theirs, paired over learners; intervals are 95% bootstrap.
    """
    parts = [f"# {report['task']}: {report['data']}\n", _quality(report)]
    if "global_time" in report:
        later = report["global_time"]
        parts += [
            "## Global time split\n",
            "Trained on the rows before one moment and tested on rows after a later one.\n",
            _quality(later),
            "### Chosen\n",
            _settings({k: v for k, v in later.items() if k not in ("metrics", "baselines")}),
        ]
    if "calibration" in report:
        parts += ["## Calibration\n", calibration(report["calibration"])]
    parts.append("## Run\n")
    apart = ("task", "data", "metrics", "baselines", "global_time", "calibration")
    parts.append(_settings({k: v for k, v in report.items() if k not in apart}))
    return "\n".join(parts)


def calibration(bins: Sequence[Mapping[str, float]]) -> str:
    """What was predicted beside what happened, in bins of equal mass."""
    rows = [
        [str(number), figure(b["predicted"]), figure(b["observed"]), f"{b['answers']:,}"]
        for number, b in enumerate(bins, start=1)
    ]
    return table(["bin", "predicted", "observed", "answers"], rows)


def _quality(report: Mapping[str, Any]) -> str:
    names = list(report["metrics"])
    rows = [
        [f"`{name}`", *(figure(found["metrics"].get(n)) for n in names)]
        + [figure(found["diff"].get(n), sign=True) for n in names]
        for name, found in report["baselines"].items()
    ]
    ours = ["**Attune**", *(figure(report["metrics"][n]) for n in names), *[""] * len(names)]
    return table(["model", *names, *(f"diff {n}" for n in names)], [*rows, ours])


def _settings(values: Mapping[str, Any]) -> str:
    return table(["", "value"], [[name, figure(value)] for name, value in _flat(values)])


def _flat(values: Mapping[str, Any], before: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in values.items():
        if isinstance(value, Mapping) and set(value) != {"value", "low", "high"}:
            found += _flat(value, f"{before}{name}.")
        else:
            found.append((f"{before}{name}", value))
    return found
