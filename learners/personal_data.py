"""Everything that learners and sign-in store of one person: how it is exported, and how it is erased."""

from collections.abc import Iterator
from typing import Any

from allauth.account.models import EmailAddress
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db.models import Q, QuerySet
from knox.models import AuthToken

from learners.models import Assignment, Event, LearnerState, User

_PAGE = 2_000


def export(user_id: int) -> Iterator[tuple[str, Any]]:
    """Yield (section, rows): the account, sign-ins, groups, enrolments, assignments, progress and events.

    Rows are iterators, so that a long history is never in memory at once. Digests of passwords and tokens are
    left out: they are secrets of the sign-in and say nothing of the person.
    """
    person = User.objects.filter(pk=user_id)
    user = person.get()
    yield (
        "account",
        person.values(
            "id", "username", "email", "first_name", "last_name", "role", "language",
            "pseudonym", "synthetic", "is_active", "date_joined", "last_login",
        ),
    )  # fmt: skip
    yield "email_addresses", EmailAddress.objects.filter(user=user_id).values("email", "verified")
    yield "tokens", AuthToken.objects.filter(user=user_id).values("created", "expiry")
    for section, model in (
        ("sign_ins", AccessLog),
        ("failed_sign_ins", AccessAttempt),
        ("failed_sign_in_log", AccessFailureLog),
    ):
        rows = model.objects.filter(_signed_in_as(user))
        yield section, rows.values("attempt_time", "ip_address", "user_agent")
    yield "groups", user.memberships.values("group_id", "group__name", "joined_at")
    yield "taught_groups", user.taught_groups.values("id", "name", "created_at")
    yield "enrolments", user.enrolments.values("course__slug", "group_id", "created_at")
    yield (
        "assignments",
        Assignment.objects.reaching(user_id).values("id", "rule", "due", "created_at"),
    )
    yield (
        "given_assignments",
        user.given_assignments.values("id", "rule", "group_id", "due", "created_at"),
    )
    yield (
        "item_progress",
        user.item_progress.order_by("pk").values(
            "item__slug", "first_at", "last_at", "completed_at", "attempts", "right", "last_right",
            "wrong_streak", "seconds",
        ),
    )  # fmt: skip
    yield "freshness", _freshness(user_id)
    events = Event.objects.filter(actor=user_id).values(
        "id", "uid", "verb", "item__slug", "occurred_at", "received_at", "success", "score",
        "duration", "response", "context", "graded",
    )  # fmt: skip
    yield "events", _in_pages(events)


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
        Session.objects.filter(pk__in=_sessions(user_id)),
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


def _sessions(user_id: int) -> list[str]:
    """A session names its person only inside its signed data, so all of them must be looked into."""
    return [
        session.pk
        for session in Session.objects.iterator(chunk_size=1_000)
        if session.get_decoded().get("_auth_user_id") == str(user_id)
    ]


def _freshness(user_id: int) -> QuerySet[Any, Any]:
    return LearnerState.objects.filter(learner=user_id).values(
        "dirty_seq", "clean_seq", "dirty_at", "active_at"
    )


def _in_pages(rows: QuerySet[Any, Any]) -> Iterator[dict[str, Any]]:
    last = 0
    while page := list(rows.filter(pk__gt=last).order_by("pk")[:_PAGE]):
        yield from page
        last = page[-1]["id"]
