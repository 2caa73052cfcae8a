"""How people are signed in: Django's sessions in the database, whose rows know whose they are.

Model and store name each other, as Django asks of them, and so stand in one file: the one that SESSION_ENGINE names.
"""

from typing import Any, cast

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.utils.translation import gettext_lazy as _


class Session(AbstractBaseSession):
    """A browser that is signed in, or has something to remember. It knows its person, so that it can go with her."""

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("person"),
        null=True,
        on_delete=models.CASCADE,
        related_name="sessions",
        # Django takes a failed insert for a key that is in use, and tries new ones for ever.
        db_constraint=False,
    )

    class Meta(AbstractBaseSession.Meta):
        pass

    @classmethod
    def get_session_store_class(cls) -> type[SessionBase]:
        return SessionStore


class SessionStore(DatabaseStore):
    """Signed data say whose session it is only to who decodes them: to erase a person, all would have to be."""

    @classmethod
    def get_model_class(cls) -> type[Session]:
        return Session

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        session = cast("Session", super().create_model_instance(data))
        session.person_id = data.get(SESSION_KEY)
        return session
