"""Finding people by what others know of them."""

from collections.abc import Collection, Iterable

from learners.models import User


def find_person(*, username: str = "", email: str = "") -> User | None:
    """Return the active person of this user name or email address (case does not count in an address).

    An address that several accounts share finds nobody: it must not be guessed who is meant.
    """
    people = User.objects.filter(is_active=True)
    if username:
        return people.filter(username=username).first()
    found = list(people.filter(email__iexact=email)[:2]) if email else []
    return found[0] if len(found) == 1 else None


def find_people(usernames: Iterable[str]) -> dict[str, int]:
    """Return the ids of those of the user names that exist; for data sets, whose names are made by rule."""
    return dict(User.objects.filter(username__in=list(usernames)).values_list("username", "pk"))


def count_synthetic(learner_ids: Collection[int]) -> int:
    """Return how many of these learners are made up, as those of the demo are."""
    return User.objects.filter(pk__in=learner_ids, synthetic=True).count()
