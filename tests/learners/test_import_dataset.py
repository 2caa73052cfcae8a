"""Real interactions are loaded once, whole, and without their test rows, however often the import is begun."""

import gzip
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from content.models import Concept, Course, Item
from learners.models import Enrolment, Event, ItemProgress, LearnerState, User
from learners.services.datasets import DatasetEvent, import_dataset_learners

pytestmark = pytest.mark.django_db(transaction=True)

ITEMS = """item,text,concept
10,"Drawing lines. How to draw a straight line without a ruler",Drawing|Lines
20,"Drawing circles. How to draw a circle by hand",Drawing
a b/c,Shading,
"""
ROWS = """learner,item,order,timestamp,part
7,10,0,1500000000,train
7,20,1,1500000100,train
7,a b/c,2,1500000200,valid
7,10,3,1500000300,test
eight,20,0,1500000000,train
eight,10,1,1499999999,valid
eight,a b/c,2,1500000500,test
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "art"
    folder.mkdir()
    (folder / "items.csv").write_text(ITEMS, encoding="utf-8")
    with gzip.open(folder / "interactions.csv.gz", "wt", encoding="utf-8") as file:
        file.write(ROWS)
    return folder


def rows() -> list[tuple[Any, ...]]:
    """Everything an import stores, by the names that don't depend on keys."""
    events = Event.objects.order_by("pk").values_list(
        "actor__username", "item__slug", "verb", "occurred_at", "success", "score", "uid"
    )
    progress = ItemProgress.objects.order_by("learner_id", "item_id").values_list(
        "learner__username",
        "item__slug",
        "first_at",
        "last_at",
        "completed_at",
        "attempts",
        "right",
    )
    return [*events, *progress]


def test_a_folder_becomes_a_course_its_learners_and_their_events(folder: Path) -> None:
    call_command("import_dataset", folder)

    course = Course.objects.get(slug="art")
    assert course.synthetic
    item = Item.objects.get(slug="art-10")
    assert item.title == "Drawing lines" and item.body.startswith("How to draw")
    assert item.text_hash
    assert {concept.title for concept in item.concepts.all()} == {"Drawing", "Lines"}
    assert Item.objects.filter(course=course).count() == 3
    people = User.objects.filter(synthetic=True)
    assert sorted(person.username for person in people) == ["art-7", "art-eight"]
    assert not any(person.has_usable_password() for person in people)
    assert Enrolment.objects.filter(course=course, group=None).count() == 2
    assert set(LearnerState.objects.values_list("dirty_seq", "clean_seq")) == {(0, 0)}


def test_test_rows_stay_out(folder: Path) -> None:
    call_command("import_dataset", folder)
    assert Event.objects.count() == 5
    assert not Event.objects.filter(
        occurred_at__gte=datetime(2017, 7, 14, 2, 45, tzinfo=UTC)
    ).exists()


def test_order_is_kept_even_where_a_clock_ran_back(folder: Path) -> None:
    call_command("import_dataset", folder)
    slugs = (
        Event.objects.filter(actor__username="art-eight")
        .order_by("occurred_at", "pk")
        .values_list("item__slug", flat=True)
    )
    assert list(slugs) == ["art-20", "art-10"]


def test_completed_items_count_as_done(folder: Path) -> None:
    call_command("import_dataset", folder)
    progress = ItemProgress.objects.get(learner__username="art-7", item__slug="art-20")
    assert progress.completed_at == datetime.fromtimestamp(1500000100, tz=UTC)


def test_again_changes_nothing(folder: Path) -> None:
    call_command("import_dataset", folder)
    before, items = rows(), dict(Item.objects.values_list("slug", "pk"))
    call_command("import_dataset", folder)
    assert rows() == before
    assert dict(Item.objects.values_list("slug", "pk")) == items
    assert Concept.objects.count() == 2


def test_killed_in_the_middle_and_begun_again_ends_in_the_same_rows(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from recommender.pipeline import datasets

    call_command("import_dataset", folder)
    whole = rows()
    User.objects.all().delete()
    assert not Event.objects.exists()

    monkeypatch.setattr(datasets, "LEARNERS", 1)
    store: Callable[..., int] = datasets.import_dataset_learners
    calls: list[int] = []

    def once(**arguments: Any) -> int:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return store(**arguments)

    monkeypatch.setattr(datasets, "import_dataset_learners", once)
    with pytest.raises(KeyboardInterrupt):
        call_command("import_dataset", folder)
    assert 0 < Event.objects.count() < 5
    call_command("import_dataset", folder)
    assert rows() == whole


def test_ratings_and_answers_keep_their_meaning(tmp_path: Path) -> None:
    rated = tmp_path / "films"
    rated.mkdir()
    (rated / "interactions.csv").write_text(
        "learner,item,order,rating\n1,5,0,1\n1,6,1,3\n1,7,2,5\n", encoding="utf-8"
    )
    call_command("import_dataset", rated)
    assert list(Event.objects.order_by("pk").values_list("verb", flat=True)) == ["rated"] * 3
    low, middle, high = Event.objects.order_by("pk").values_list("score", flat=True)
    assert low < 1 / 3 < middle < 2 / 3 < high
    assert ItemProgress.objects.filter(completed_at=None).count() == 0

    answered = tmp_path / "sums"
    answered.mkdir()
    (answered / "interactions.csv").write_text(
        "learner,item,order,correct,concept\n1,5,0,0,12\n1,5,1,1,12\n1,6,2,0,12\n1,6,3,0,12\n",
        encoding="utf-8",
    )
    call_command("import_dataset", answered)
    five, six = ItemProgress.objects.filter(item__course__slug="sums").order_by("item__slug")
    assert (five.attempts, five.right, five.last_right, five.wrong_streak) == (2, 1, True, 0)
    assert (six.attempts, six.right, six.last_right, six.wrong_streak) == (2, 0, False, 2)
    assert five.completed_at is not None and six.completed_at is None
    assert set(Item.objects.filter(course__slug="sums").values_list("kind", flat=True)) == {
        "exercise"
    }


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("interactions.csv.gz", b"learner,item\n", "interactions.csv"),
        ("items.csv", b"item,text\n10,\xff\n", "UTF-8"),
        ("items.csv", b"item,text\n10,x\n", "line 3: column item"),
        ("items.csv", b"item,text\n10,a\0b\n20,x\na b/c,y\n", "NUL"),
    ],
)
def test_bad_folders_are_refused_with_nothing_written(
    folder: Path, name: str, content: bytes, message: str
) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(CommandError, match=message):
        call_command("import_dataset", folder)
    assert not Course.objects.exists() and not User.objects.exists()


def test_a_course_of_people_is_not_touched(folder: Path) -> None:
    Course.objects.create(slug="art", title="Art for people")
    with pytest.raises(CommandError, match="course of people"):
        call_command("import_dataset", folder)
    assert not Item.objects.exists() and not User.objects.exists()


def test_an_item_of_another_course_is_not_touched(folder: Path) -> None:
    other = Course.objects.create(slug="craft", title="Craft")
    Item.objects.create(course=other, slug="art-20", title="Mine", kind="lesson")
    with pytest.raises(CommandError, match="art-20 is an item of another course"):
        call_command("import_dataset", folder)
    assert list(Course.objects.all()) == [other] and not User.objects.exists()
    assert Item.objects.get().title == "Mine"


def test_a_person_s_name_is_not_taken(
    folder: Path, person: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recommender.pipeline.datasets.LEARNERS", 1)
    person("art-eight")  # the second batch would meet it
    with pytest.raises(CommandError, match="art-eight is the name of a person"):
        call_command("import_dataset", folder)
    assert not Course.objects.exists() and not Event.objects.exists()
    assert User.objects.get().username == "art-eight"


def test_the_last_answer_is_not_what_came_after_it(course: Course) -> None:
    item, start = course.items.get(slug="two-and-two"), datetime(2020, 1, 1, tzinfo=UTC)
    events = [
        DatasetEvent("set-1", uuid.UUID(int=place), verb, item.pk, start, success)
        for place, (verb, success) in enumerate([("answered", True), ("rated", None)])
    ]
    assert import_dataset_learners(course_id=course.pk, usernames=["set-1"], events=events) == 2
    progress = ItemProgress.objects.get()
    assert (progress.attempts, progress.right, progress.last_right) == (1, 1, True)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no such folder"):
        call_command("import_dataset", tmp_path / "nowhere")
