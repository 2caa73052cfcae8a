"""Sign-in by token, for whatever bytes a header holds."""

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.contrib.knox_auth_token import KnoxTokenScheme
from knox.auth import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed


class HeaderTokenAuthentication(TokenAuthentication):
    """knox's authentication. Alone it answers 500 to a token that is not UTF-8 or that the database cannot look up."""

    def authenticate_credentials(self, token: bytes) -> tuple[Any, Any]:
        if not token.isalnum():
            raise AuthenticationFailed(_("Invalid token."))
        return super().authenticate_credentials(token)  # type: ignore[no-any-return]


class HeaderTokenScheme(KnoxTokenScheme):  # type: ignore[no-untyped-call]
    """Describes it in the API's schema, under knox's own name."""

    target_class = "common.api.authentication.HeaderTokenAuthentication"
