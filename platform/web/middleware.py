"""Who has chosen a language for her account reads it on every machine that she signs in on."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils import translation


class PersonLanguageMiddleware:
    """Activates the account's language; without one, what LocaleMiddleware found (cookie, browser) stays."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # A health check or an API call with a token has no session: reading one would cost a query for nothing.
        if request.session.session_key and request.user.is_authenticated and request.user.language:
            translation.activate(request.user.language)
            request.LANGUAGE_CODE = translation.get_language()
        return self.get_response(request)
