"""How often one may try what could be guessed."""

import logging
from typing import Any

from common.addresses import client_address
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import ScopedRateThrottle
from rest_framework.views import APIView

logger = logging.getLogger(__name__)


class AddressThrottle(ScopedRateThrottle):
    """By network address, whoever is signed in.

    It counts in the cache. Where the cache is down, requests pass: what is protected here has a second guard (the
    lockout in the database, the length of a join code), and nobody should be kept from signing in by a cache.
    """

    def allow_request(self, request: Request, view: APIView) -> bool:
        try:
            return bool(super().allow_request(request, view))
        except (RedisError, OSError) as error:
            logger.warning("throttle skipped, the cache is down", extra={"error": str(error)})
            return True

    def get_cache_key(self, request: Request, view: Any) -> str:
        # A page asks with Django's own request.
        plain = getattr(request, "_request", request)
        return str(self.cache_format % {"scope": self.scope, "ident": client_address(plain)})


class SharedAddressThrottle(AddressThrottle):
    """By network address, where a whole class may sit behind one: with a limit of its own."""

    scope_attr = "throttle_address_scope"


class PersonThrottle(AddressThrottle):
    """By person, from wherever she tries."""

    def get_cache_key(self, request: Request, view: Any) -> str:
        return str(self.cache_format % {"scope": self.scope, "ident": f"person-{request.user.pk}"})
