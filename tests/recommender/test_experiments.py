"""Learners divided by chance: each arm is served by its own version, and the answer holds however often one looks."""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import practice_course as practice
import pytest
from common.api.errors import Refused
from django.test import Client
from django.utils import timezone

from learners.models import Event, User
from learners.services.events import NewEvent, record_events
from learners.services.groups import add_learner
from recommender.models import Experiment, ExperimentMember, ModelVersion, Slate
from recommender.registrations import _export
from recommender.selectors.experiments import measure_progress, trace_effect
from recommender.selectors.freshness import find_outdated, forget_outdated
from recommender.services.experiments import (
    ATTEMPTS,
    WINDOW,
    end_experiment,
    judge_experiments,
    start_experiment,
)
from recommender.services.personal import erase_person

pytestmark = pytest.mark.django_db(transaction=True)

State = Experiment.State


@pytest.fixture
def pupils(training_ground: SimpleNamespace, practised: Callable[..., Any]) -> list[User]:
    """Twelve who study the practice course and have each done something."""
    group = training_ground.course.groups.get()
    made = [User.objects.create(username=f"pupil{n}") for n in range(12)]
    for pupil in made:
        add_learner(group=group, learner=pupil)
        practised(pupil, 1, right=True, ago=timedelta(hours=1))
    return made


def newest(pupil: User) -> Slate:
    return Slate.objects.filter(learner=pupil).latest("computed_at")


def arms() -> dict[int, bool]:
    return dict(ExperimentMember.objects.values_list("learner_id", "treated"))


def test_attune_against_the_syllabus(
    pupils: list[User], activate: Any, refresh: Any, api: Callable[..., Any]
) -> None:
    version = activate()
    experiment = start_experiment(name="Attune?", treatment=version, control=None)
    assert refresh().stored >= {pupil.pk for pupil in pupils}

    treated = arms()
    assert set(treated.values()) == {True, False}  # of twelve, but once in 2,048 times
    for pupil in pupils:
        slate = newest(pupil)
        assert slate.source == ("model" if treated[pupil.pk] else "syllabus")
        answer = api(pupil).get("/api/v1/recommendations/").json()
        assert answer["model_version"] == (version.pk if treated[pupil.pk] else None)
        assert answer["stale"] is False
    forget_outdated()
    assert not find_outdated(now=timezone.now())
    # Who comes again stays where she is.
    assert refresh(outdated=True).stored == set()
    assert arms() == treated

    end_experiment(experiment=experiment)
    forget_outdated()
    assert find_outdated(now=timezone.now())
    untreated = {pupil.pk for pupil in pupils if not treated[pupil.pk]}
    assert refresh(outdated=True).stored == untreated
    assert all(newest(pupil).model_version_id == version.pk for pupil in pupils)


def test_two_versions_whichever_is_active(pupils: list[User], activate: Any, refresh: Any) -> None:
    earlier, active = activate(), activate()
    start_experiment(name="newer?", treatment=active, control=earlier, share=0.5)
    refresh()
    for pupil in pupils:
        wanted = active if arms()[pupil.pk] else earlier
        assert newest(pupil).model_version_id == wanted.pk
        assert newest(pupil).source == "model"


def test_an_arm_that_cannot_be_loaded_is_served_by_the_active_version(
    pupils: list[User], activate: Any, refresh: Any, api: Callable[..., Any]
) -> None:
    damaged = ModelVersion.objects.create(
        artefact="gone", sha256="0" * 64, manifest={}, metrics={}, data_until=timezone.now()
    )
    active = activate()
    start_experiment(name="damaged", treatment=damaged, control=active)
    assert refresh().stored >= {pupil.pk for pupil in pupils}
    damaged.refresh_from_db()
    assert damaged.problem
    for pupil in pupils:
        assert newest(pupil).model_version_id == active.pk
        assert api(pupil).get("/api/v1/recommendations/").json()["stale"] is False
    forget_outdated()
    assert not find_outdated(now=timezone.now())


def test_what_cannot_be_tried_is_refused(make_version: Callable[[int], ModelVersion]) -> None:
    first, broken = make_version(1), make_version(2)
    ModelVersion.objects.filter(pk=broken.pk).update(problem="damaged")
    broken.refresh_from_db()

    def refused(**options: Any) -> str:
        with pytest.raises(Refused) as found:
            start_experiment(**{"name": "one", "treatment": first, "control": None, **options})
        return str(found.value.detail)

    assert "are the same" in refused(control=first)
    assert "are the same" in refused(treatment=None)
    assert "cannot be loaded" in refused(control=broken)
    assert "in the past" in refused(ends_at=timezone.now() - timedelta(days=1))
    running = start_experiment(name="one", treatment=first, control=None)
    assert "one still runs" in refused(name="two")
    end_experiment(experiment=running)
    assert "has this name" in refused()
    assert start_experiment(name="two", treatment=first, control=None).running


@pytest.fixture
def member(alice: User, training_ground: SimpleNamespace, make_version: Any) -> ExperimentMember:
    """Alice joined an hour ago; ten others have answered every exercise, half of them right."""
    experiment = start_experiment(name="one", treatment=make_version(1), control=None)
    for number in range(10):
        person = User.objects.create(username=f"other{number}")
        for place in range(practice.TOTAL):
            if not practice.is_lesson(place):
                _answer(person, place, right=number % 2 == 0, at=timezone.now() - timedelta(days=9))
    return ExperimentMember.objects.create(
        experiment=experiment,
        learner=alice,
        treated=True,
        joined_at=timezone.now() - timedelta(hours=1),
    )


def _answer(
    person: User, place: int, *, right: bool, at: datetime | None = None, hints: int = 0
) -> None:
    record_events(
        actor=person,
        events=[
            NewEvent(
                uid=uuid.uuid4(),
                verb="answered",
                item_id=practice.FIRST + place,
                occurred_at=at or timezone.now(),
                success=right,
                graded=True,
                context={"hints": hints},
            )
        ],
    )


EXERCISES = [place for place in range(practice.TOTAL) if not practice.is_lesson(place)]


def test_first_answers_without_hints_count_against_what_is_usual(
    alice: User, member: ExperimentMember
) -> None:
    _answer(alice, EXERCISES[0], right=True, hints=1)
    _answer(alice, EXERCISES[0], right=True)  # again
    for place in EXERCISES[1:ATTEMPTS]:
        _answer(alice, place, right=True)
    judge_experiments(now=timezone.now())
    member.refresh_from_db()
    assert member.settled_at is None  # nine so far
    _answer(alice, EXERCISES[ATTEMPTS], right=False)
    judge_experiments(now=timezone.now())
    member.refresh_from_db()
    assert member.attempts == ATTEMPTS
    # Right nine times of ten where about every second answer is right: (1 + .9 − p) / 2.
    assert member.outcome == pytest.approx((1 + 0.9 - 0.54) / 2, abs=0.01)
    settled = member.settled_at
    _answer(alice, EXERCISES[ATTEMPTS + 1], right=False)
    judge_experiments(now=timezone.now())
    member.refresh_from_db()
    assert member.settled_at == settled


def test_when_the_time_is_over_what_is_there_counts_and_nothing_is_no_outcome(
    alice: User, bob: User, member: ExperimentMember
) -> None:
    _answer(alice, EXERCISES[0], right=False)
    idle = ExperimentMember.objects.create(
        experiment=member.experiment, learner=bob, treated=False, joined_at=member.joined_at
    )
    judge_experiments(now=timezone.now() + WINDOW)
    for one in (member, idle):
        one.refresh_from_db()
        assert one.settled_at == one.joined_at + WINDOW
    assert (member.attempts, idle.attempts, idle.outcome) == (1, 0, None)
    assert member.outcome is not None and member.outcome < 0.5
    progress = measure_progress(member.experiment)
    assert (progress.control.settled, progress.control.measured) == (1, 0)


def _settle(experiment: Experiment, *, treated: int, control: int, better: float) -> None:
    """Members with outcomes; those treated are right more often by `better`."""
    people = User.objects.bulk_create(
        User(username=f"member{n}", password="!") for n in range(treated + control)
    )
    at = timezone.now() - timedelta(days=1)
    ExperimentMember.objects.bulk_create(
        ExperimentMember(
            experiment=experiment,
            learner=person,
            treated=number < treated,
            joined_at=at,
            attempts=ATTEMPTS,
            outcome=0.5 + (better / 2 if number < treated else 0) + 0.05 * (-1) ** number,
            settled_at=at + timedelta(seconds=number),
        )
        for number, person in enumerate(people)
    )


def test_the_rule_decides_once_and_tells_the_effect_in_right_answers(
    make_version: Callable[[int], ModelVersion],
) -> None:
    experiment = start_experiment(name="one", treatment=make_version(1), control=None)
    judge_experiments(now=timezone.now())
    experiment.refresh_from_db()
    assert experiment.state == State.TRYING
    assert (experiment.low, experiment.high) == (-2, 2)
    _settle(experiment, treated=300, control=300, better=0.4)
    judge_experiments(now=timezone.now())
    experiment.refresh_from_db()
    assert experiment.state == State.TREATMENT
    assert experiment.effect == pytest.approx(0.4, abs=0.01)
    assert experiment.low is not None and 0 < experiment.low < 0.4
    decided = experiment.decided_at
    ExperimentMember.objects.filter(treated=True).update(outcome=0.0)
    judge_experiments(now=timezone.now())
    experiment.refresh_from_db()
    assert (experiment.state, experiment.decided_at) == (State.TREATMENT, decided)
    assert experiment.running


def test_no_difference_is_an_answer_too_and_an_end_that_was_set_is_kept(
    make_version: Callable[[int], ModelVersion],
) -> None:
    end = timezone.now() + timedelta(days=3)
    experiment = start_experiment(
        name="one", treatment=make_version(1), control=None, horizon=100, ends_at=end
    )
    _settle(experiment, treated=50, control=50, better=0.0)
    judge_experiments(now=timezone.now())
    experiment.refresh_from_db()
    assert (experiment.state, experiment.running) == (State.NEITHER, True)
    judge_experiments(now=end + timedelta(minutes=5))
    experiment.refresh_from_db()
    assert (experiment.running, experiment.ended_at) == (False, end)


def test_how_the_effect_went_ends_at_the_answer(
    make_version: Callable[[int], ModelVersion],
) -> None:
    experiment = start_experiment(name="one", treatment=make_version(1), control=None)
    assert trace_effect(experiment) == []
    _settle(experiment, treated=300, control=300, better=0.4)
    # As they come in mixed, and not one arm after the other.
    for number, member in enumerate(experiment.members.order_by("treated", "pk")):
        member.settled_at = member.joined_at + timedelta(seconds=3600 + number % 300)
        member.save()
    judge_experiments(now=timezone.now())
    experiment.refresh_from_db()
    trace = trace_effect(experiment, points=10)
    assert [each.outcomes for each in trace] == list(range(60, 601, 60))
    last = trace[-1]
    stored = (experiment.effect, experiment.low, experiment.high)
    assert (last.value, last.low, last.high) == pytest.approx(stored)
    widths = [each.high - each.low for each in trace]
    assert widths == sorted(widths, reverse=True)
    # What came after the answer is not in it.
    ExperimentMember.objects.filter(treated=True).update(settled_at=timezone.now())
    assert all(each.outcomes <= 300 for each in trace_effect(experiment))


def test_operators_begin_read_and_end_one(
    olga: User, make_version: Callable[[int], ModelVersion], settings: Any
) -> None:
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    operator, version = Client(), make_version(1)
    operator.force_login(olga, backend="django.contrib.auth.backends.ModelBackend")
    pages = "/admin/recommender/experiment/"
    asked = {"name": "Attune?", "treatment": version.pk, "share": "0.5", "horizon": "2000"}
    said = operator.post(f"{pages}add/", {**asked, "control": version.pk}).content.decode()
    assert "Treatment and control are the same." in said
    assert operator.post(f"{pages}add/", asked).status_code == 302
    experiment = Experiment.objects.get()
    assert (experiment.started_by, experiment.control) == (olga, None)
    page = operator.get(f"{pages}{experiment.pk}/change/").content.decode()
    assert "Nothing has been measured yet." in page
    assert "The order of the courses" in page
    assert "not as large as they should be" not in page
    assert "Effect as outcomes came in" not in page

    _settle(experiment, treated=60, control=140, better=0.1)
    judge_experiments(now=timezone.now())
    page = operator.get(f"{pages}{experiment.pk}/change/").content.decode()
    assert "not as large as they should be" in page
    assert "the interval, which holds however often one looks" in page
    assert "Effect as outcomes came in" in page and "After 200 outcomes the effect is" in page
    assert page.count("<polygon") == 1
    assert operator.post(f"{pages}{experiment.pk}/end/").status_code == 302
    experiment.refresh_from_db()
    assert not experiment.running
    assert f"v{version.pk} against the order of the courses" in operator.get(pages).content.decode()


def test_nobody_else_may(
    charlie: User, bob: User, make_version: Callable[[int], ModelVersion]
) -> None:
    experiment = start_experiment(name="one", treatment=make_version(1), control=None)
    for person in (charlie, bob):
        client = Client()
        client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
        answer = client.post(f"/admin/recommender/experiment/{experiment.pk}/end/")
        assert answer.status_code in {302, 403}
        assert "/login" in answer.get("Location", "/login")
    experiment.refresh_from_db()
    assert experiment.running


def test_her_part_in_it_is_exported_and_erased(alice: User, member: ExperimentMember) -> None:
    (told,) = dict(_export(alice.pk))["experiments"]
    assert (told["experiment"], told["treated"], told["outcome"]) == ("one", True, None)
    erase_person(learner_id=alice.pk)
    assert not ExperimentMember.objects.filter(learner=alice).exists()
    assert Event.objects.exclude(actor=alice).exists()
