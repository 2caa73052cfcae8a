"""System checks: a misconfiguration is named with an id and a hint before it hurts."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

INSECURE_KEY = Error(
    "SECRET_KEY is the development key while DEBUG is off.",
    hint="Set SECRET_KEY or SECRET_KEY_FILE to at least 50 random characters.",
    id="attune.E001",
)
NO_HOSTS = Error(
    "ALLOWED_HOSTS is empty while DEBUG is off: every request would be refused.",
    hint="Set ALLOWED_HOSTS to the names this site is reached by, separated by commas.",
    id="attune.E002",
)
OPEN_METRICS = Warning(
    "/metrics is reachable from loopback only.",
    hint="Set METRICS_TOKEN (or METRICS_TOKEN_FILE) and give Prometheus the same bearer token.",
    id="attune.W001",
)


@register(Tags.security, deploy=True)
def check_deployment(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """What must be set before the site faces people."""
    messages: list[CheckMessage] = []
    if not settings.DEBUG and settings.SECRET_KEY.startswith("development-"):
        messages.append(INSECURE_KEY)
    if not settings.DEBUG and not settings.ALLOWED_HOSTS:
        messages.append(NO_HOSTS)
    if not settings.METRICS_TOKEN:
        messages.append(OPEN_METRICS)
    return messages
