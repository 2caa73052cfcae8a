"""The engine of sessions: Django's own in the database, whose rows know whose they are."""

from typing import TYPE_CHECKING, Any, cast

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore

if TYPE_CHECKING:
    from learners.models import Session


class SessionStore(DatabaseStore):
    """Signed data say whose session it is only to who decodes them: to erase a person, all would have to be."""

    @classmethod
    def get_model_class(cls) -> "type[Session]":
        from learners.models import Session

        return Session

    def create_model_instance(self, data: dict[str, Any]) -> "Session":
        session = cast("Session", super().create_model_instance(data))
        session.person_id = data.get(SESSION_KEY)
        return session
