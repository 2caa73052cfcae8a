"""What watches over calibration: its task, its names and its alerts."""

import re

import yaml
from common import queue
from django.conf import settings

from recommender.core.attention_names import KINDS
from recommender.core.calibration import REPAIRS
from recommender.core.repair_trial import WITHDRAWN
from recommender.metrics import RefreshCollector
from recommender.models.calibrations import WITHDRAWN_STATES, AttentionReading, RepairTrial
from workers.schedule import build_schedule


def test_names_are_those_of_the_core() -> None:
    assert tuple(RepairTrial.Repair.values) == REPAIRS
    assert tuple(AttentionReading.Kind.values) == KINDS
    assert frozenset(WITHDRAWN_STATES) == WITHDRAWN
    assert queue.JUDGE_REPAIRS in build_schedule()


def test_alerts_are_of_metrics_that_exist_and_have_a_runbook() -> None:
    rules = yaml.safe_load((settings.BASE_DIR / "docs/prometheus-rules.yml").read_text())
    (group,) = rules["groups"]
    runbook = (settings.BASE_DIR / "docs/operations.md").read_text()
    known = {metric.name for metric in RefreshCollector().describe()}
    assert len(group["rules"]) == 5
    for rule in group["rules"]:
        named = set(re.findall(r"attune_[a-z_]+", rule["expr"]))
        assert named and named <= known
        assert f"`{rule['alert']}`" in runbook
