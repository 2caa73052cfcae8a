"""`import_content`: idempotent, all or nothing, every flaw named with file and line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from common.queue import COMPUTE_TEXT_VECTORS
from content_samples import COURSE_FILES, EXERCISE, LESSON, QUIZ, Run, Write, replaced, snapshot
from django.db import connection
from django.test.utils import CaptureQueriesContext

from content import importers
from content.importers.drafts import Parsed
from content.models import Concept, Course, Item, Section


def test_import_writes_the_course(write_course: Write, run_import: Run) -> None:
    status, report = run_import(write_course())
    assert status == 0
    assert "created     item france-capital (france/01-start/020-exercise.md:2)" in report
    assert "markdown: 8 created, 0 updated, 0 unchanged, 0 unpublished, 0 refused" in report
    course = Course.objects.get(slug="france")
    items = list(course.items.order_by("position"))
    assert [item.slug for item in items] == ["france-towns", "france-capital", "france-quiz"]
    assert [item.section.title for item in items] == ["The start", "The start", "The end"]
    assert items[0].body == "Read $x^2$."
    question = items[1].questions.get()
    assert [option["text"] for option in question.key["options"]] == ["Paris", "Lyon", "No"]
    assert question.hints == ["Look north."]
    assert [each.answer_type for each in items[2].questions.all()] == ["number", "text"]
    assert Concept.objects.get(slug="capitals").prerequisites.get().slug == "towns"
    assert all(len(item.text_hash) == 64 for item in items)


def test_import_again_changes_nothing(write_course: Write, run_import: Run) -> None:
    path = write_course()
    run_import(path)
    before = snapshot()
    with CaptureQueriesContext(connection) as queries:
        status, report = run_import(path, verbosity=2)
    assert status == 0
    assert "0 created, 0 updated, 8 unchanged" in report
    assert "unchanged   item france-towns" in report
    assert snapshot() == before
    # Not even a write of what is there already.
    written = [each["sql"] for each in queries if each["sql"].startswith(("INS", "UPD", "DEL"))]
    assert not written


def test_changed_parts_are_updated_and_keep_their_ids(write_course: Write, run_import: Run) -> None:
    run_import(write_course())
    before = snapshot()
    old_hash = Item.objects.get(slug="france-quiz").text_hash
    status, report = run_import(
        write_course(
            {
                **replaced("concepts.yaml", "title: Towns", "title: Cities"),
                **replaced(EXERCISE, "South.", "Far south."),
            }
        )
    )
    assert status == 0
    assert "0 created, 2 updated, 6 unchanged" in report
    after = snapshot()
    for name, rows in before.items():
        assert [row["id"] for row in after[name]] == [row["id"] for row in rows]
    # The concept's title is part of what is encoded of its items.
    assert Item.objects.get(slug="france-quiz").text_hash != old_hash


def test_new_text_is_encoded_by_one_task(
    write_course: Write, run_import: Run, django_capture_on_commit_callbacks: Any
) -> None:
    path = write_course()
    for expected in ([COMPUTE_TEXT_VECTORS], []):
        with django_capture_on_commit_callbacks() as messages:
            run_import(path)
        assert [message.name for message in messages] == expected


def test_dry_run_reports_and_writes_nothing(write_course: Write, run_import: Run) -> None:
    before = snapshot()
    status, report = run_import(write_course(), "--dry-run")
    assert status == 0
    assert "Dry run, nothing written: 8 created" in report
    assert snapshot() == before


def test_vanished_item_is_unpublished_and_comes_back(write_course: Write, run_import: Run) -> None:
    run_import(write_course())
    pk = Item.objects.get(slug="france-towns").pk
    status, report = run_import(write_course({LESSON: None}))
    assert status == 0
    assert "unpublished item france-towns (france)" in report
    item = Item.objects.get(slug="france-towns")
    assert (item.pk, item.published) == (pk, False)
    # Reported once: from now on it is as it should be.
    assert "0 unpublished" in run_import(write_course({LESSON: None}))[1]
    run_import(write_course())
    assert Item.objects.get(slug="france-towns").published


def test_folder_of_courses_with_a_translation(write_course: Write, run_import: Run) -> None:
    write_course(dict.fromkeys(COURSE_FILES) | {"course.yaml": None})
    root = write_course().parent
    files: dict[str, str | bytes | None] = {
        "course.yaml": "slug: aa-france\ntitle: 法国\nlanguage: zh-hans\ntranslation_of: france\n",
        "concepts.yaml": None,
        EXERCISE: None,
        QUIZ: None,
        "02-end/section.yaml": None,
        LESSON: COURSE_FILES[LESSON].replace("slug: france-towns", "slug: aa-towns"),
    }
    translation = write_course(files, folder="aa-france")
    (translation / "02-end").rmdir()
    status, report = run_import(root)
    assert status == 0, report
    assert Course.objects.get(slug="aa-france").translation_of == Course.objects.get(slug="france")
    # Its item teaches a concept of the other course.
    assert Item.objects.get(slug="aa-towns").concepts.get().slug == "towns"


def test_reversed_prerequisite_is_no_cycle(write_course: Write, run_import: Run) -> None:
    run_import(write_course())
    turned = (
        "- slug: towns\n  title: Towns\n  prerequisites: [capitals]\n"
        "- slug: capitals\n  title: Capitals\n"
    )
    status, report = run_import(write_course({"concepts.yaml": turned}))
    assert status == 0, report
    assert Concept.objects.get(slug="towns").prerequisites.get().slug == "capitals"


def test_nested_sections_follow_the_numbers(write_course: Write, run_import: Run) -> None:
    status, report = run_import(
        write_course(
            {
                "01-start/015-deeper/section.yaml": "title: Deeper\n",
                "01-start/015-deeper/010-x.md": COURSE_FILES[LESSON].replace(
                    "france-towns", "france-deep"
                ),
            }
        )
    )
    assert status == 0, report
    items = Item.objects.order_by("position").values_list("slug", flat=True)
    assert list(items) == ["france-towns", "france-deep", "france-capital", "france-quiz"]
    assert Section.objects.get(slug="deeper").parent == Section.objects.get(slug="start")


def test_unreadable_formula_is_a_warning(write_course: Write, run_import: Run) -> None:
    status, report = run_import(write_course(replaced(LESSON, "$x^2$", "\n\n$\\nosuch$")))
    assert status == 0
    assert f"warning     france/{LESSON}:9: this formula cannot be read" in report


def test_another_format_plugs_in(
    run_import: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Titles:
        name = "titles"

        def detect(self, path: Path) -> bool:
            return (path / "titles.txt").exists()

        def read(self, path: Path, *, on_progress: Callable[[int, int], None]) -> Parsed:
            where = importers.Where("titles.txt")
            title = (path / "titles.txt").read_text().strip()
            fields = {"slug": "t", "title": title}
            return Parsed([importers.CourseDraft("t", fields, None, (), (), (), where)])

    monkeypatch.setattr("content.importers.registry._formats", {})
    importers.register_format(Titles())
    (tmp_path / "titles.txt").write_text("From a list")
    status, report = run_import(tmp_path)
    assert status == 0, report
    assert Course.objects.get().title == "From a list"


def test_demo_catalogue_is_accepted(run_import: Run) -> None:
    demo = Path(__file__).resolve().parents[2] / "content" / "demo"
    status, report = run_import(demo)
    assert status == 0, report
    assert "warning" not in report
