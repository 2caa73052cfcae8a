"""Everything that learners and sign-in store of one person: how it is exported, and how it is erased."""

from collections.abc import Iterator
from typing import Any

from allauth.account.models import EmailAddress
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from common.pages import read_rows
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Q
from knox.models import AuthToken

from learners.models import Assignment, ConceptMastery, LearnerState, MasteryDay, MemoryFit, User


def export(user_id: int) -> Iterator[tuple[str, Any]]:
    """Yield (section, rows): the account, sign-ins, groups, enrolments, attributes, assignments, progress, memory,
    mastery and events.

    Rows are iterators, so that a long history is never in memory at once. Digests of passwords and tokens are
    left out: they are secrets of the sign-in and say nothing of the person.
    """
    person = User.objects.filter(pk=user_id)
    user = person.get()
    yield (
        "account",
        read_rows(
            person,
            "id", "username", "email", "first_name", "last_name", "role", "language",
            "pseudonym", "synthetic", "is_active", "date_joined", "last_login",
        ),
    )  # fmt: skip
    addresses = EmailAddress.objects.filter(user=user_id)
    yield "email_addresses", read_rows(addresses, "email", "verified")
    tokens = AuthToken.objects.filter(user=user_id)
    yield "tokens", read_rows(tokens, "created", "expiry")
    yield "sessions", read_rows(user.sessions.all(), "expire_date")
    for section, model in (
        ("sign_ins", AccessLog),
        ("failed_sign_ins", AccessAttempt),
        ("failed_sign_in_log", AccessFailureLog),
    ):
        attempts = model.objects.filter(_signed_in_as(user))
        yield section, read_rows(attempts, "attempt_time", "ip_address", "user_agent")
    yield "groups", read_rows(user.memberships.all(), "group_id", "group__name", "joined_at")
    yield "taught_groups", read_rows(user.taught_groups.all(), "id", "name", "created_at")
    yield "enrolments", read_rows(user.enrolments.all(), "course__slug", "group_id", "created_at")
    yield "attributes", read_rows(user.attributes.all(), "name", "value")
    rules = Assignment.objects.reaching(user_id)
    yield "assignments", read_rows(rules, "id", "rule", "due", "created_at")
    given = user.given_assignments.all()
    yield "given_assignments", read_rows(given, "id", "rule", "group_id", "due", "created_at")
    yield (
        "item_progress",
        read_rows(
            user.item_progress.all(),
            "item__slug", "first_at", "last_at", "completed_at", "attempts", "right", "last_right",
            "wrong_streak", "seconds",
        ),
    )  # fmt: skip
    yield (
        "memory",
        read_rows(
            user.memory_cards.all(),
            "item__slug", "stability", "difficulty", "reviewed_at", "due_at", "attempts", "event",
            "fit",
        ),
    )  # fmt: skip
    yield (
        "memory_fit",
        read_rows(
            MemoryFit.objects.filter(learner=user_id),
            "revision", "parameters", "used", "reviews", "held_out", "default_log_loss", "log_loss", "gain_low",
            "gain_high", "fitted_at", "look_again",
        ),
    )  # fmt: skip
    estimate = ("concept__slug", "mean", "low", "high", "answers")
    mastery = ConceptMastery.objects.filter(learner=user_id)
    yield "mastery", read_rows(mastery, *estimate, "updated_at")
    yield "mastery_by_day", read_rows(MasteryDay.objects.filter(learner=user_id), *estimate, "day")
    state = LearnerState.objects.filter(learner=user_id)
    yield "freshness", read_rows(state, "dirty_seq", "clean_seq", "dirty_at", "active_at")
    yield (
        "events",
        read_rows(
            user.events.all(),
            "id", "uid", "verb", "item__slug", "occurred_at", "received_at", "success", "score",
            "duration", "response", "context", "graded",
            key=("occurred_at", "id"),
        ),
    )  # fmt: skip


def erase(user_id: int) -> int:
    """Delete the account and all that hangs on it, sessions and sign-in logs included. Returns the rows deleted.

    Groups that she taught and rules that she gave stay with the group, without her name.
    """
    # Others' events of her wait for the lock, and then find her gone, instead of leaving rows behind.
    user = User.objects.select_for_update().filter(pk=user_id).first()
    if user is None:
        return 0
    account = ContentType.objects.get_for_model(User)
    deleted = 0
    for rows in (
        *(
            model.objects.filter(_signed_in_as(user))
            for model in (AccessLog, AccessAttempt, AccessFailureLog)
        ),
        LogEntry.objects.filter(content_type=account, object_id=str(user_id)),
    ):
        deleted += rows.delete()[0]
    return deleted + user.delete()[0]


def _signed_in_as(user: User) -> Q:
    """The sign-ins under her user name or an address of hers; not under an address that another account has, too."""
    added = EmailAddress.objects.filter(user=user).values_list("email", flat=True)
    addresses = {user.email, *added} - {""}
    names = Q(username=user.username)
    for address in addresses:
        if not User.objects.filter(email__iexact=address).exclude(pk=user.pk).exists():
            names |= Q(username__iexact=address)
    return names
