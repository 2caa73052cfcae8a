"""Guessing join codes on the page is counted together with guessing them through the API."""

from types import SimpleNamespace
from typing import Any, Final

from learners.api.throttles import PersonThrottle, SharedAddressThrottle
from web.requests import PersonRequest

_VIEW: Final[Any] = SimpleNamespace(throttle_scope="join", throttle_address_scope="join_address")


def may_try_to_join(request: PersonRequest) -> bool:
    """Count a try to join by code; False when there were too many."""
    asked: Any = request
    mine = PersonThrottle().allow_request(asked, _VIEW)
    # Both are asked, so that each counts every try.
    from_here = SharedAddressThrottle().allow_request(asked, _VIEW)
    return mine and from_here
