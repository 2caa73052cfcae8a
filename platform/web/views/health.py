"""For machines: is the process up, is the whole ready, and its metrics."""

import ipaddress
import json
import secrets
from collections.abc import Callable

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_prometheus.exports import ExportToDjangoView

from learners.models import User
from recommender.models import ModelVersion, Slate


@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers; nothing else is asked."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """200 when every required check is passed, else 503; the body names each.

    `database` and `broker` are always required. `active_version` and `demo` are where the demo is served: elsewhere a
    site without a model is ready, its learners get the syllabus.
    """
    checks = {
        "database": _passes(_ask_database),
        "broker": _passes(_ask_broker),
        "active_version": _passes(_find_active_version),
    }
    required = {"database", "broker"}
    if settings.DEMO:
        checks["demo"] = _passes(_find_demo_slate)
        required |= {"active_version", "demo"}
    ready = all(checks[name] for name in required)
    body = {"status": "ready" if ready else "not ready", "checks": checks}
    return JsonResponse(body, status=200 if ready else 503)


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus metrics: for loopback, or with the bearer token.

    A proxy on the same machine also calls from loopback, on behalf of anybody: a request that came through one needs
    the token.
    """
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    expected = settings.METRICS_TOKEN
    if expected and secrets.compare_digest(token.encode(), expected.encode()):
        return _export(request)
    if _is_loopback(request):
        return _export(request)
    return HttpResponseForbidden("Metrics need the bearer token.\n", content_type="text/plain")


def _export(request: HttpRequest) -> HttpResponse:
    exported: HttpResponse = ExportToDjangoView(request)
    return exported


def _is_loopback(request: HttpRequest) -> bool:
    proxied = settings.SECURE_PROXY_SSL_HEADER is not None or any(
        name in request.headers for name in ("X-Forwarded-For", "X-Real-IP", "Forwarded")
    )
    try:
        return not proxied and ipaddress.ip_address(request.META["REMOTE_ADDR"]).is_loopback
    except ValueError:
        return False


def _passes(check: Callable[[], bool]) -> bool:
    try:
        return bool(check())
    except Exception:  # whatever is wrong with a server, the answer is "not ready"
        return False


def _ask_database() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        row: tuple[int] | None = cursor.fetchone()
    return row == (1,)


def _ask_broker() -> bool:
    import redis

    with redis.Redis.from_url(
        settings.SERVERS.redis_url, socket_timeout=1, socket_connect_timeout=1
    ) as client:
        return bool(client.ping())


def _find_active_version() -> bool:
    return ModelVersion.objects.filter(is_active=True).exists()


def _find_demo_slate() -> bool:
    """The demo's student has a slate that a model made."""
    logins = json.loads((settings.ATTUNE_HOME / "demo-logins.json").read_text(encoding="utf-8"))
    student = User.objects.get(username=logins["student"]["username"])
    return Slate.objects.filter(learner=student, source=Slate.Source.MODEL).exists()
