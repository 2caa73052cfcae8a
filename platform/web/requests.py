"""What the middleware adds to a request, for the type checker: htmx's headers and the person signed in."""

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from learners.models import User


class PageRequest(HttpRequest):
    """A request of anybody's."""

    htmx: HtmxDetails


class PersonRequest(PageRequest):
    """A request behind `login_required`."""

    user: User
