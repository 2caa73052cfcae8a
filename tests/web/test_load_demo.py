"""`load_demo`: refused where it must be, idempotent where it may be; and the generator behind it."""

import json
import stat
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from web.demo.people import NameTaken, ensure_logins, make_classes, make_person
from web.demo.simulation import SimulatedLearner, StudyItem, World

from learners.models import Enrolment, Event, Group, User
from recommender.models import TrainingRun

SINCE = datetime(2026, 1, 5, tzinfo=UTC)


def make_world(concepts: int = 2) -> World:
    """Concepts, the second built on the first: a lesson and four exercises for each."""
    items = []
    for concept in range(1, concepts + 1):
        for place in range(5):
            guesses = () if place == 0 else (0.03,)
            number = 10 * concept + place
            items.append(StudyItem(number, 1, number, "", 5, 0.4, (concept,), guesses))
    return World(items, {2: {1}})


def test_the_history_follows_from_the_seed() -> None:
    def history(seed: str) -> list[Any]:
        learner = SimulatedLearner(make_world(), seed=seed)
        return list(learner.study(since=SINCE, until=SINCE + timedelta(days=60), share=1.0))

    assert history("a") == history("a")
    assert history("a") != history("b")
    acts = [act for session in history("a") for act in session]
    assert [act.at for act in acts] == sorted(act.at for act in acts)
    assert {act.verb for act in acts} >= {"viewed", "completed", "answered"}


def test_time_never_runs_backwards_and_some_come_back_to_what_they_knew() -> None:
    again = []
    for number in range(60):
        learner = SimulatedLearner(make_world(concepts=20), seed=str(number))
        acts = [
            act
            for session in learner.study(since=SINCE, until=SINCE + timedelta(days=90), share=1.0)
            for act in session
        ]
        assert [act.at for act in acts] == sorted(act.at for act in acts)
        right: dict[int, Any] = {}
        for act in acts:
            if act.score is not None and act.item in right:
                assert act.at - right[act.item] >= timedelta(days=7)
                again.append(act.score)
            if act.score == 1:
                right[act.item] = act.at
    assert len(again) > 30
    assert sum(again) / len(again) > 0.6


def test_lessons_teach_and_prerequisites_matter() -> None:
    world = make_world()
    by_id = {item.id: item for item in world.items}
    learner = SimulatedLearner(world, seed="x", ability=0.0)
    before = learner.chance(by_id[21], 0.03)
    learner._learn(by_id[20], 1.0)
    lesson_alone = learner.chance(by_id[21], 0.03)
    prepared = SimulatedLearner(world, seed="x", ability=0.0)
    prepared._learn(by_id[10], 1.0)
    prepared._learn(by_id[20], 1.0)
    assert before < lesson_alone < prepared.chance(by_id[21], 0.03)


def test_abler_learners_answer_more_right() -> None:
    def share_right(ability: float) -> float:
        scores = []
        for number in range(40):
            learner = SimulatedLearner(make_world(), seed=str(number), ability=ability)
            for acts in learner.study(since=SINCE, until=SINCE + timedelta(days=60), share=1.0):
                scores += [act.score for act in acts if act.score is not None]
        return sum(scores) / len(scores)

    assert share_right(-1.5) + 0.15 < share_right(1.5)


def test_it_is_refused_in_a_database_named_by_url(db: None, settings: Any) -> None:
    settings.DEMO = False
    with pytest.raises(CommandError, match="ATTUNE_DEMO=1"):
        call_command("load_demo")
    assert not User.objects.exists()


def test_a_real_person_is_never_taken_over(person: Any) -> None:
    person("mira")
    with pytest.raises(NameTaken):
        make_person(("mira", "Mira", "Lindholm"))


@pytest.fixture
def home(settings: Any, tmp_path: Any) -> Any:
    settings.DEMO, settings.ATTUNE_HOME = True, tmp_path
    return tmp_path


def test_without_a_worker_everything_but_the_model_is_there_and_stays(
    db: None, home: Any, capsys: Any
) -> None:
    def start() -> tuple[Any, ...]:
        with pytest.raises(CommandError, match="Does a worker run"):
            call_command("load_demo", learners=6, wait=0.0)
        counts = [model.objects.count() for model in (User, Event, Enrolment, TrainingRun)]
        return (*counts, (home / "demo-logins.json").read_text())

    assert start() == start()
    assert not User.objects.filter(synthetic=False).exists()
    assert not Group.objects.filter(synthetic=False).exists()
    assert Event.objects.count() > 300
    assert not Event.objects.exclude(context__synthetic=True).exists()
    newest = Event.objects.latest("occurred_at")
    assert newest.received_at - newest.occurred_at < timedelta(hours=3)


def test_logins_are_private_and_work(db: None, home: Any) -> None:
    make_classes(learners=1, course_slugs=[])
    path = home / "demo-logins.json"
    logins = ensure_logins(path)
    assert json.loads(path.read_text()) == logins
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert set(logins) == {"student", "teacher", "operator"}
    for role, login in logins.items():
        assert set(login) == {"username", "password"}
        person = User.objects.get(username=login["username"])
        assert person.check_password(login["password"])
        assert person.role == ("learner" if role == "student" else role)
    path.chmod(0o644)
    assert ensure_logins(path) == logins
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_text('{"student": 1}')
    assert ensure_logins(path) != logins
