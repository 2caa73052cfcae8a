"""The invented people, their groups and their logins."""

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.db import transaction

from content.models import Course
from learners.models import Group, User
from learners.services.groups import add_course, add_learner, create_group
from web.demo.names import OPERATOR, STUDENT, TEACHER, list_chinese_learners, list_learners

GROUP = "Demo class"
CHINESE_GROUP = "示例班级"
CHINESE_COURSE = "first-aid-zh"


class NameTaken(Exception):
    """A real person has a user name that the demo needs."""


def make_classes(*, learners: int, course_slugs: list[str]) -> tuple[Group, Group | None]:
    """Make the demo class and, where its course is there, the Chinese one; who or what exists already stays."""
    teacher = make_person(TEACHER, role=User.Role.TEACHER)
    make_person(OPERATOR, role=User.Role.OPERATOR)
    people = [make_person(STUDENT), *map(make_person, list_learners(learners))]
    english = [slug for slug in course_slugs if slug != CHINESE_COURSE]
    group = _make_group(GROUP, teacher, people, english)
    if CHINESE_COURSE not in course_slugs:
        return group, None
    chinese = [make_person(each, language="zh-hans") for each in list_chinese_learners()]
    return group, _make_group(CHINESE_GROUP, teacher, chinese, [CHINESE_COURSE])


def make_person(
    name: tuple[str, str, str], *, role: str = User.Role.LEARNER, language: str = ""
) -> User:
    """Return the invented person of this user name, made now if need be. Raises NameTaken for a real one."""
    username, first, last = name
    person, created = User.objects.get_or_create(
        username=username,
        defaults={
            "first_name": first,
            "last_name": last,
            "role": role,
            "language": language,
            "synthetic": True,
            "is_staff": role == User.Role.OPERATOR,
        },
    )
    if not person.synthetic:
        raise NameTaken(username)
    if created:
        person.set_unusable_password()
        person.save(update_fields=["password"])
    return person


def ensure_logins(path: Path) -> dict[str, dict[str, str]]:
    """Return the three logins; where the file of an earlier start still fits, as they are, else with new passwords.

    The file is written with mode 0600 before anything is in it, and replaced in one step.
    """
    people = {
        role: User.objects.get(username=name[0], synthetic=True)
        for role, name in (("student", STUDENT), ("teacher", TEACHER), ("operator", OPERATOR))
    }
    kept: dict[str, dict[str, str]] | None = _read(path)
    if kept is not None and all(_fits(kept, role, one) for role, one in people.items()):
        path.chmod(0o600)
        return kept
    logins = {
        role: {"username": person.username, "password": secrets.token_urlsafe(9)}
        for role, person in people.items()
    }
    with transaction.atomic():
        for role, person in people.items():
            person.set_password(logins[role]["password"])
            person.save(update_fields=["password"])
        _write(path, logins)
    return logins


def _make_group(name: str, teacher: User, people: list[User], courses: list[str]) -> Group:
    group = Group.objects.filter(name=name, synthetic=True).first()
    if group is None:
        group = create_group(teacher=teacher, name=name)
        group.synthetic = True
        group.save(update_fields=["synthetic"])
    for course in Course.objects.filter(slug__in=courses).exclude(groups=group):
        add_course(group=group, course=course)
    members = set(group.memberships.values_list("learner", flat=True))
    for person in people:
        if person.pk not in members:
            add_learner(group=group, learner=person)
    return group


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _fits(logins: Any, role: str, person: User) -> bool:
    entry = logins.get(role) if isinstance(logins, Mapping) else None
    if not isinstance(entry, Mapping) or set(entry) != {"username", "password"}:
        return False
    # check_password of a real hash takes a good part of a second; three of them are still fast.
    return entry["username"] == person.username and person.check_password(entry["password"])


def _write(path: Path, logins: dict[str, dict[str, str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".tmp")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(logins, file, indent=2)
        file.write("\n")
    draft.replace(path)
