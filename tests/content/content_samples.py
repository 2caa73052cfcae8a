"""Questions of every type, and the files of a small course."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from content.models import Concept, Course, Item, Prerequisite, Question, Section

# What no learner may ever read: each is looked for in raw bodies.
SECRETS = ("SECRET-FEEDBACK", "SECRET-EXPLANATION", "SECRET-ACCEPTED", "987654.25", "SECRET-HINT")

CHOICE: dict[str, Any] = {
    "answer_type": "choice",
    "key": {
        "options": [
            {"text": "Lyon", "feedback": "SECRET-FEEDBACK Lyon lies further south."},
            {"text": "Paris", "correct": True},
            {"text": "Nice"},
        ]
    },
    "hints": ["SECRET-HINT one", "SECRET-HINT two"],
    "explanation": "SECRET-EXPLANATION because",
}
CHOICES: dict[str, Any] = {
    "answer_type": "choices",
    "prompt": "Which are even?",
    "key": {
        "options": [
            {"text": "2", "correct": True},
            {"text": "3", "feedback": "SECRET-FEEDBACK Three is odd."},
            {"text": "4", "correct": True},
        ]
    },
    "explanation": "SECRET-EXPLANATION halves",
}
NUMBER: dict[str, Any] = {
    "answer_type": "number",
    "prompt": "How much?",
    "key": {"value": 987654.25, "tolerance": 0.5, "unit": "kg"},
}
TEXT: dict[str, Any] = {
    "answer_type": "text",
    "prompt": "Who?",
    "key": {"accepted": ["SECRET-ACCEPTED", "Ångström"]},
}


COURSE_FILES = {
    "course.yaml": "slug: france\ntitle: France\n",
    "concepts.yaml": (
        "- slug: towns\n  title: Towns\n"
        "- slug: capitals\n  title: Capitals\n  prerequisites: [towns]\n"
    ),
    "01-start/section.yaml": "title: The start\n",
    "01-start/010-lesson.md": (
        "---\nslug: france-towns\ntitle: Towns\nkind: lesson\nconcepts: [towns]\n---\nRead $x^2$.\n"
    ),
    "01-start/020-exercise.md": (
        "---\nslug: france-capital\ntitle: The capital\nkind: exercise\nconcepts: [capitals]\n"
        "answer:\n  type: choice\n  options:\n    - {text: Paris, correct: true}\n"
        "    - {text: Lyon, feedback: South.}\n    - {text: No}\n"
        "hints: [Look north.]\nexplanation: It is Paris.\n---\nWhat is the capital?\n"
    ),
    "02-end/section.yaml": "title: The end\n",
    "02-end/010-quiz.md": (
        "---\nslug: france-quiz\ntitle: Quiz\nkind: quiz\nconcepts: [capitals, towns]\nquestions:\n"
        "  - prompt: How many?\n    answer: {type: number, value: 3.50, tolerance: 0.05}\n"
        "  - prompt: Where?\n    answer:\n      type: text\n      accepted: [here]\n---\n"
    ),
}

Write = Callable[..., Path]
Run = Callable[..., tuple[int, str]]
LESSON, EXERCISE = "01-start/010-lesson.md", "01-start/020-exercise.md"
QUIZ = "02-end/010-quiz.md"


def snapshot() -> dict[str, list[Any]]:
    """Every row, with its id and time of change."""
    models = (Course, Section, Concept, Prerequisite, Item, Question, Item.concepts.through)
    return {model.__name__: list(model.objects.order_by("pk").values()) for model in models}


def replaced(name: str, old: str, new: str) -> dict[str, str]:
    assert old in COURSE_FILES[name]
    return {name: COURSE_FILES[name].replace(old, new)}
