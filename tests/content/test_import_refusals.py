"""Content that is refused: named by file and line, and nothing of it is written."""

from pathlib import Path
from typing import Any

import pytest
from content_samples import COURSE_FILES, EXERCISE, LESSON, QUIZ, Run, Write, replaced, snapshot

from content import services
from content.models import Concept, Course, Item

CYCLE = (
    "- slug: towns\n  title: Towns\n  prerequisites:\n    - roads\n"
    "- slug: capitals\n  title: Capitals\n  prerequisites: [towns]\n"
    "- slug: roads\n  title: Roads\n  prerequisites: [capitals]\n"
)
BILLION = "a: &a [x, x]\nslug: france\ntitle: *a\n"

REFUSED: list[tuple[str, dict[str, Any], str]] = [
    (
        "cycle",
        {"concepts.yaml": CYCLE},
        "concepts.yaml:7: prerequisites form a circle: capitals → towns → roads → capitals",
    ),
    (
        "unknown concept",
        replaced(EXERCISE, "[capitals]", "[capitols]"),
        f"{EXERCISE}:5: concepts.0 has an unknown concept: capitols",
    ),
    (
        "unknown prerequisite",
        replaced("concepts.yaml", "[towns]", "[town]"),
        "concepts.yaml:5: prerequisites.0 has an unknown concept: town",
    ),
    (
        "duplicate slug",
        replaced(EXERCISE, "france-capital", "france-towns"),
        f"{EXERCISE}:2: slug “france-towns” is used already, in france/{LESSON}:2",
    ),
    (
        "duplicate concept",
        replaced("concepts.yaml", "slug: capitals", "slug: towns"),
        "concepts.yaml:3: slug “towns” is used already, in france/concepts.yaml:1",
    ),
    (
        "no right option",
        replaced(EXERCISE, ", correct: true", ""),
        f"{EXERCISE}:6: answer has no right option",
    ),
    (
        "two right options",
        replaced(EXERCISE, "feedback: South.", "correct: true"),
        f"{EXERCISE}:6: answer has 2 right options",
    ),
    ("one option", replaced(EXERCISE, "    - {text: No}\n", "    - {text: Lyon}\n"), "Lyon"),
    (
        "unknown answer type",
        replaced(EXERCISE, "type: choice", "type: chose"),
        f"{EXERCISE}:6: answer has an unknown answer type: chose",
    ),
    (
        "missing answer",
        replaced(LESSON, "kind: lesson", "kind: exercise\nhints: [x]"),
        f"{LESSON}:2: answer is missing",
    ),
    (
        "empty answer",
        {
            EXERCISE: "---\nslug: a\ntitle: A\nkind: exercise\nconcepts: [towns]\n"
            "answer:\nhints: [x]\n---\nWhat?"
        },
        f"{EXERCISE}:6: answer is missing",
    ),
    ("no hint", replaced(EXERCISE, "hints: [Look north.]\n", ""), "hints is missing"),
    (
        "question without an answer",
        replaced(QUIZ, "\n    answer: {type: number, value: 3.50, tolerance: 0.05}", ""),
        f"{QUIZ}:7: questions.0.answer is missing",
    ),
    (
        "number that is none",
        replaced(QUIZ, "3.50", "three"),
        f"{QUIZ}:8: questions.0.answer.value must be a number",
    ),
    (
        "answer in a lesson",
        replaced(LESSON, "kind: lesson", "kind: lesson\nanswer: {type: text, accepted: [a]}"),
        f"{LESSON}:5: answer is not for the kind lesson",
    ),
    ("unknown kind", replaced(LESSON, "kind: lesson", "kind: lessen"), f"{LESSON}:4: kind must be"),
    (
        "mistyped field",
        replaced(LESSON, "kind: lesson", "kind: lesson\nminuts: 5"),
        f"{LESSON}:5: minuts is not a known field",
    ),
    (
        "difficulty out of range",
        replaced(LESSON, "kind: lesson", "kind: lesson\ndifficulty: 3"),
        f"{LESSON}:5: difficulty must be at most 1",
    ),
    ("bad slug", replaced(LESSON, "france-towns", "fränce towns"), f"{LESSON}:2: slug may hold"),
    ("no concept", replaced(LESSON, "concepts: [towns]\n", ""), f"{LESSON}:2: concepts is missing"),
    ("empty body", replaced(LESSON, "Read $x^2$.\n", ""), f"{LESSON}:7: the body is empty"),
    (
        "broken YAML",
        {"course.yaml": "slug: france\ntitle: 'France\nsummary: x\n"},
        "course.yaml:4: is not valid YAML",
    ),
    (
        "broken YAML in front matter",
        replaced(EXERCISE, "title: The capital", "title: The: capital"),
        f"{EXERCISE}:3: is not valid YAML: mapping values are not allowed here",
    ),
    (
        "key twice",
        {"course.yaml": "slug: france\ntitle: A\ntitle: B\n"},
        "course.yaml:3: title occurs twice",
    ),
    ("alias", {"course.yaml": BILLION}, "course.yaml:3: is not valid YAML: aliases"),
    ("deep YAML", {"course.yaml": "[" * 2_000}, "course.yaml: is nested too deeply"),
    ("course is a list", {"course.yaml": "- slug: france\n"}, "course.yaml:1: must be a group"),
    ("concepts are no list", {"concepts.yaml": "slug: x\n"}, "concepts.yaml:1: must be a list"),
    (
        "no front matter",
        {LESSON: "# Towns\n"},
        f"{LESSON}:1: must begin with front matter",
    ),
    ("front matter without end", {LESSON: "---\nslug: a\n"}, f"{LESSON}:1: has front matter that"),
    ("NUL", {LESSON: b"---\nslug: a\n---\n\0\n"}, f"{LESSON}:4: contains a NUL character"),
    (
        "NUL by escape",
        {"course.yaml": 'slug: france\ntitle: "Fr\\0nce"\n'},
        "course.yaml:2: title contains a character that cannot be stored (NUL)",
    ),
    (
        "not UTF-8",
        {LESSON: "---\nslug: a\n---\nß\n".encode("latin-1")},
        f"{LESSON}:4: is not UTF-8",
    ),
    ("too large", {LESSON: b"x" * 600_000}, f"{LESSON}: is larger than 512 kB"),
    (
        "control character",
        {"course.yaml": "slug: a\ntitle: \x07\n"},
        "course.yaml:2: contains a con",
    ),
    (
        "too long title",
        replaced(LESSON, "title: Towns", f"title: {'x' * 201}"),
        f"{LESSON}:3: title",
    ),
    (
        "section without title",
        {"01-start/section.yaml": ""},
        "01-start/section.yaml:1: title is mi",
    ),
    ("section without file", {"01-start/section.yaml": None}, "01-start/section.yaml: is missing"),
    ("number used twice", {"01-start/10-x.md": COURSE_FILES[LESSON]}, "010-lesson.md"),
    ("file without number", {"01-start/x.md": COURSE_FILES[LESSON]}, "01-start/x.md: must begin"),
    (
        "video outside the media folder",
        replaced(LESSON, "kind: lesson", "kind: video\nfile: ../../secret.mp4"),
        f"{LESSON}:5: file must be a path inside the media folder",
    ),
    (
        "unknown original",
        {"course.yaml": "slug: france\ntitle: France\ntranslation_of: frankreich\n"},
        "course.yaml:3: translation_of names an unknown course: frankreich",
    ),
]


@pytest.mark.parametrize(
    ("changes", "message"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_refusal_names_file_and_line_and_writes_nothing(
    write_course: Write, run_import: Run, changes: dict[str, Any], message: str
) -> None:
    # Something is there already, which a half-done import would have changed.
    run_import(write_course())
    before = snapshot()
    path = write_course({**replaced("course.yaml", "title: France", "title: New"), **changes})
    status, report = run_import(path)
    assert status == 1
    refused = [line for line in report.splitlines() if line.startswith("refused")]
    assert any(message in line for line in refused), report
    assert all(line.startswith("refused     france/") for line in refused)
    assert snapshot() == before


def test_all_flaws_are_reported_at_once(write_course: Write, run_import: Run) -> None:
    changes = {"course.yaml": "title: 5\n", LESSON: "no", **replaced(QUIZ, "3.50", "x")}
    status, report = run_import(write_course(changes))
    assert status == 1
    assert "Nothing was written: 3 refused." in report


def test_item_of_another_course_is_refused(
    write_course: Write, run_import: Run, course: Course
) -> None:
    other = services.create_course(slug="spain", title="Spain")
    services.create_item(course=other, slug="france-towns", title="Mine", kind="reading", body="x")
    status, report = run_import(write_course())
    assert status == 1
    assert f"france/{LESSON}:2: slug “france-towns” belongs to the course spain" in report
    assert Item.objects.get().title == "Mine"


def test_cycle_through_the_database_is_refused(write_course: Write, run_import: Run) -> None:
    run_import(write_course())
    roads = services.create_concept(
        slug="roads", title="Roads", prerequisites=[Concept.objects.get(slug="capitals")]
    )
    changes = {"concepts.yaml": "- slug: towns\n  title: Towns\n  prerequisites: [roads]\n"}
    status, report = run_import(write_course(changes))
    assert status == 1
    assert "concepts.yaml:3: prerequisites form a circle: capitals → towns → roads" in report
    assert roads.dependents.count() == 0


@pytest.mark.parametrize("name", ["missing", "empty"])
def test_what_is_no_course_is_refused(run_import: Run, tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    status, report = run_import(tmp_path / name)
    assert status == 1
    assert str(tmp_path / name) in report
