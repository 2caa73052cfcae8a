"""What a version's page tells of the parts of the learners, in words and as charts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from recommender.interval_charts import Estimate, Forest, draw_forest
from recommender.models import ModelVersion

MOST: Final = 20
"""Parts of one way to divide that are shown: those that are served worst. All are in the version's row."""
MEASURES: Final[Mapping[str, Any]] = {
    "ndcg@10": gettext_lazy("NDCG@10"),
    "hr@10": gettext_lazy("hit rate at 10"),
    "mastery_error": gettext_lazy("error of mastery"),
    "overestimated": gettext_lazy("overestimated by"),
    "promised": gettext_lazy("promised success"),
    "variety": gettext_lazy("variety"),
}
_PACES: Final[Mapping[str, Any]] = {
    "fast": gettext_lazy("the fastest third"),
    "middle": gettext_lazy("the middle third"),
    "slow": gettext_lazy("the slowest third"),
    "": gettext_lazy("too few timed events"),
}


@dataclass(frozen=True)
class Row:
    """One part: its name, its learners, and each measure's interval in the order of MEASURES (None: too few)."""

    name: str
    learners: int
    cells: Sequence[Mapping[str, float] | None]
    lower: bool = False


@dataclass(frozen=True)
class Table:
    """One way to divide the learners."""

    title: str
    rows: Sequence[Row]
    hidden: int
    left_out: int
    chart: Forest | None


def describe_fairness(version: ModelVersion) -> dict[str, Any]:
    """What the template of a version's report needs; `fairness_tables` is empty where nothing may be told."""
    found = version.fairness
    whole = found.get("all", {})
    return {
        "fairness": found,
        "fairness_measures": list(MEASURES.values()),
        "fairness_whole": _row(_("all"), whole, whole) if "ndcg@10" in whole else None,
        "fairness_tables": [_tabulate(each, whole) for each in found.get("dimensions", [])],
    }


def describe_gate(gate: Mapping[str, Any]) -> dict[str, Any]:
    """What the gate's comparison says of parts: a chart and a table for each way to divide, worst first."""
    parts = gate.get("parts") or {}
    told = []
    behind: list[str] = []
    for dimension in parts.get("dimensions", []):
        rows = sorted(dimension["parts"], key=lambda part: float(part["value"]))
        names = [name_part(dimension["kind"], part["name"]) for part in rows]
        behind += [name for name, part in zip(names, rows, strict=True) if part["behind"]]
        shown = list(zip(names, rows, strict=True))[:MOST]
        told.append(
            {
                "title": name_dimension(dimension),
                "hidden": dimension["hidden"],
                "left_out": len(rows) - len(shown),
                "rows": shown,
                "chart": draw_forest(
                    [
                        Estimate(name, part["value"], part["low"], part["high"], part["behind"])
                        for name, part in shown
                    ],
                    rule=0.0,
                ),
            }
        )
    return {"gate_parts": told, "behind": behind, "margin": parts.get("margin")}


def name_dimension(dimension: Mapping[str, Any]) -> str:
    """What learners are divided by, in words; a declared attribute by its own name."""
    if dimension["kind"] == "attribute":
        return str(dimension["name"])
    return _("Groups") if dimension["kind"] == "group" else _("Pace")


def name_part(kind: str, name: str) -> str:
    """A part in words; groups and values by their own names."""
    if kind == "pace":
        return str(_PACES.get(name, name))
    if name:
        return name
    return _("in no group") if kind == "group" else _("not declared")


def _tabulate(dimension: Mapping[str, Any], whole: Mapping[str, Any]) -> Table:
    parts = dimension["parts"]
    if dimension["kind"] != "pace":
        parts = sorted(parts, key=_quality)
    rows = [_row(name_part(dimension["kind"], part["name"]), part, whole) for part in parts]
    shown = rows[:MOST]
    measured = [row for row in shown if row.cells[0] is not None]
    return Table(
        title=name_dimension(dimension),
        rows=shown,
        hidden=dimension["hidden"],
        left_out=len(rows) - len(shown),
        chart=draw_forest(
            [
                Estimate(row.name, cell["value"], cell["low"], cell["high"], row.lower)
                for row in measured
                if (cell := row.cells[0]) is not None
            ],
            rule=whole["ndcg@10"]["value"] if "ndcg@10" in whole else None,
        ),
    )


def _row(name: str, part: Mapping[str, Any], whole: Mapping[str, Any]) -> Row:
    cells = [part.get(measure) for measure in MEASURES]
    lower = False
    if cells[0] is not None and "ndcg@10" in whole:
        lower = cells[0]["high"] < whole["ndcg@10"]["value"]
    return Row(name, part["learners"], cells, lower)


def _quality(part: Mapping[str, Any]) -> float:
    told = part.get("ndcg@10")
    return float(told["value"]) if told else float("inf")
