"""Guessing join codes on the page is as slow as through the API: one rate, counted by person and by address."""

from django.http import HttpRequest
from rest_framework.throttling import SimpleRateThrottle


class _JoinThrottle(SimpleRateThrottle):
    scope = "join"
    by_address = False

    def get_cache_key(self, request: HttpRequest, view: object) -> str:  # type: ignore[override]
        ident = request.META["REMOTE_ADDR"] if self.by_address else f"person-{request.user.pk}"
        return self.cache_format % {"scope": "join-page", "ident": ident}


class _JoinThrottleByAddress(_JoinThrottle):
    by_address = True


def may_try_to_join(request: HttpRequest) -> bool:
    """Count a try to join by code; False when there were too many."""
    # Both are asked, so that each counts every try.
    throttles = (_JoinThrottle(), _JoinThrottleByAddress())
    return all([each.allow_request(request, None) for each in throttles])  # type: ignore[arg-type]
