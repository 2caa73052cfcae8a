"""What is changed in a course reaches the lists of those who study it, through whichever door it came."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from web_pages import sign_in

from content.models import Concept, Course, Item
from content.services import create_section
from learners.models import Group, LearnerState
from learners.services.datasets import import_dataset_learners

pytestmark = pytest.mark.django_db


@pytest.fixture
def told(
    dirt: Callable[[Any], int], alice: Any, charlie: Any, group: Group
) -> Callable[[Callable[[], Any]], tuple[int, int]]:
    """How many changes Alice, who studies the course, and Charlie, who doesn't, are told of."""

    def count(act: Callable[[], Any]) -> tuple[int, int]:
        before = dirt(alice), dirt(charlie)
        act()
        return dirt(alice) - before[0], dirt(charlie) - before[1]

    return count


@pytest.mark.parametrize(
    ("path", "changes", "expected"),
    [
        ("items/counting/", {"published": False}, 1),
        ("items/counting/", {"position": 9}, 1),
        ("items/counting/", {"concepts": []}, 1),
        ("items/counting/", {"concepts": ["adding"], "published": True}, 0),
        ("items/counting/", {"body": "More to read."}, 0),
        ("items/counting/", {"course": "secrets", "section": None}, 1),
        ("items/first-secret/", {"published": False}, 0),
        ("courses/numbers/", {"published": False}, 1),
        ("courses/numbers/", {"sections": [{"slug": "one", "title": "One"}]}, 1),
        ("courses/numbers/", {"title": "Figures"}, 0),
        ("concepts/adding/", {"prerequisites": ["s"]}, 1),
        ("concepts/s/", {"prerequisites": ["adding"]}, 0),
    ],
)
def test_through_the_api(
    api: Any,
    ada: Any,
    told: Any,
    secret_course: Course,
    path: str,
    changes: dict[str, Any],
    expected: int,
) -> None:
    def change() -> None:
        answer = api(ada).patch(f"/api/v1/{path}", changes, format="json")
        assert answer.status_code == 200, answer.json()

    assert told(change) == (expected, 0)


def test_a_new_item(api: Any, ada: Any, told: Any) -> None:
    item = {"course": "numbers", "slug": "more", "title": "More", "kind": "lesson"}
    assert told(lambda: api(ada).post("/api/v1/items/", item, format="json")) == (1, 0)
    assert Item.objects.filter(slug="more").exists()


def test_drafts_are_on_nobodys_list(
    api: Any, ada: Any, secret_course: Course, told: Any, desk: Any
) -> None:
    def save(method: str, path: str, data: dict[str, Any]) -> None:
        answer = getattr(api(ada), method)(f"/api/v1/{path}", data, format="json")
        assert answer.status_code in {200, 201}, answer.json()

    item = {"course": "numbers", "slug": "draft", "title": "Draft", "kind": "lesson"}
    draft = "items/draft/"
    assert told(lambda: save("post", "items/", {**item, "published": False})) == (0, 0)
    assert told(lambda: save("patch", draft, {"position": 7, "concepts": ["adding"]})) == (0, 0)
    assert told(lambda: save("patch", draft, {"published": True})) == (1, 0)
    assert told(lambda: save("patch", draft, {"published": False})) == (1, 0)
    # Nor is anything of a course that is a draft.
    assert told(lambda: save("patch", "courses/numbers/", {"published": False})) == (1, 0)
    assert told(lambda: save("patch", "items/counting/", {"position": 8})) == (0, 0)
    assert told(lambda: save("patch", "items/counting/", {"published": False})) == (0, 0)
    sections = [{"slug": "two", "title": "Two"}]
    assert told(lambda: save("patch", "courses/numbers/", {"sections": sections})) == (0, 0)
    assert told(lambda: save("patch", "concepts/adding/", {"prerequisites": ["s"]})) == (0, 0)
    rows = list(Item.objects.values_list("pk", flat=True))
    form = {"action": "publish", "_selected_action": rows}
    assert told(lambda: desk("item_changelist", form)) == (0, 0)
    assert told(lambda: save("patch", "courses/numbers/", {"published": True})) == (1, 0)


@pytest.fixture
def desk(olga: Any) -> Callable[..., Any]:
    """Post to a page of the admin as the operator."""
    client = sign_in(olga)

    def post(page: str, form: dict[str, Any], *args: Any) -> None:
        address = reverse(f"admin:content_{page}", args=args)
        assert client.post(address, form).status_code == 302

    return post


@pytest.mark.parametrize("model", [Course, Item])
def test_the_admins_actions(desk: Any, told: Any, course: Course, model: Any) -> None:
    name = f"{model._meta.model_name}_changelist"
    rows = list(model.objects.values_list("pk", flat=True))
    for action in ("unpublish", "publish"):
        form = {"action": action, "_selected_action": rows}
        assert told(lambda form=form: desk(name, form)) == (1, 0)
        assert told(lambda form=form: desk(name, form)) == (0, 0)


def test_the_admins_pages(desk: Any, told: Any, course: Course, adding: Concept) -> None:
    section = create_section(course=course, slug="one", title="One")
    sections = {
        "sections-TOTAL_FORMS": 1,
        "sections-INITIAL_FORMS": 1,
        "sections-0-id": section.pk,
        "sections-0-course": course.pk,
        "sections-0-slug": "one",
        "sections-0-title": "One",
        "sections-0-position": 0,
    }
    form = {"slug": "numbers", "title": "Numbers", "language": "en", "authors": "[]"}
    form |= {"published": "on", **sections}
    assert told(lambda: desk("course_change", form, course.pk)) == (0, 0)
    moved = {**form, "sections-0-position": 3}
    assert told(lambda: desk("course_change", moved, course.pk)) == (1, 0)
    draft = {name: value for name, value in moved.items() if name != "published"}
    assert told(lambda: desk("course_change", draft, course.pk)) == (1, 0)
    assert told(lambda: desk("course_change", moved, course.pk)) == (1, 0)

    item = course.items.get(slug="counting")
    form = {
        "course": course.pk,
        "slug": item.slug,
        "title": "Counting on",
        "kind": "lesson",
        "position": item.position,
        "minutes": item.minutes,
        "difficulty": item.difficulty,
        "concepts": [adding.pk],
        "published": "on",
        "questions-TOTAL_FORMS": 0,
        "questions-INITIAL_FORMS": 0,
    }
    assert told(lambda: desk("item_change", form, item.pk)) == (0, 0)
    assert told(lambda: desk("item_change", {**form, "concepts": []}, item.pk)) == (1, 0)

    before = Concept.objects.create(slug="counting", title="Counting")
    form = {
        "slug": adding.slug,
        "title": adding.title,
        "prerequisite_links-TOTAL_FORMS": 1,
        "prerequisite_links-INITIAL_FORMS": 0,
        "prerequisite_links-0-concept": adding.pk,
        "prerequisite_links-0-prerequisite": before.pk,
    }
    assert told(lambda: desk("concept_change", form, adding.pk)) == (1, 0)


def test_an_import_tells_once_and_a_refused_one_nobody(told: Any, tmp_path: Path) -> None:
    folder = tmp_path / "numbers"
    (folder / "01-basics").mkdir(parents=True)
    (folder / "course.yaml").write_text("slug: numbers\ntitle: Numbers\n", encoding="utf-8")
    (folder / "01-basics" / "section.yaml").write_text("title: Basics\n", encoding="utf-8")
    for name in ("010-one", "020-two"):
        text = f"---\nslug: {name[4:]}\nkind: lesson\ntitle: {name}\nconcepts: [adding]\n---\nRead this.\n"
        (folder / "01-basics" / f"{name}.md").write_text(text, encoding="utf-8")
    assert told(lambda: call_command("import_content", folder, "--dry-run")) == (0, 0)
    assert told(lambda: call_command("import_content", folder)) == (1, 0)
    assert told(lambda: call_command("import_content", folder)) == (0, 0)
    (folder / "01-basics" / "030-three.md").write_text("---\nkind: none\n---\n", encoding="utf-8")

    def refused() -> None:
        with pytest.raises(CommandError):
            call_command("import_content", folder)

    assert told(refused) == (0, 0)


def test_learners_of_a_data_set_are_left_alone(api: Any, ada: Any, course: Course) -> None:
    import_dataset_learners(course_id=course.pk, usernames=["set-1"], events=[])
    api(ada).patch("/api/v1/courses/numbers/", {"published": False}, format="json")
    assert LearnerState.objects.get(learner__username="set-1").dirty_seq == 0
