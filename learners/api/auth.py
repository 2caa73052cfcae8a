"""Signing in for programs: a token for a user name and password, and its end."""

from datetime import timedelta
from typing import Any

from axes.helpers import get_cool_off
from django.contrib.auth import authenticate, logout
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from knox.models import AuthToken
from rest_framework import status
from rest_framework.exceptions import AuthenticationFailed, Throttled
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from learners.api.throttles import AddressThrottle
from learners.serializers.people import LoginSerializer, TokenSerializer


class LoginView(APIView):
    """Exchange user name (or email address) and password for a token.

    The token goes into the header `Authorization: Token …` until it expires. Wrong credentials: 401. Ten failures in
    a row lock this name at this address out for a while, and too many tries from one address are refused: both 429.
    """

    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = (AddressThrottle,)
    throttle_scope = "login"

    def get_authenticate_header(self, request: Request) -> str:
        # With no authentication class, Django REST framework would turn the 401 into a 403.
        return "Token"

    @extend_schema(auth=[], request=LoginSerializer, responses={200: TokenSerializer})
    def post(self, request: Request) -> Response:
        serializer = LoginSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        # Axes notes failures on Django's own request, and its middleware would answer a lockout with a page.
        plain: Any = request._request
        person = authenticate(plain, **serializer.validated_data)
        locked = getattr(plain, "axes_locked_out", False)
        plain.axes_locked_out = False
        if locked:
            wait = get_cool_off(plain) or timedelta(hours=1)
            raise Throttled(wait.total_seconds(), _("Too many failed sign-ins."))
        if person is None:
            raise AuthenticationFailed(_("User name and password do not match."))
        token, secret = AuthToken.objects.create(user=person)
        return Response({"token": secret, "expiry": token.expiry.isoformat()})


class LogoutView(APIView):
    """End the token, or the session, that this request came with."""

    @extend_schema(request=None, responses={204: None})
    def post(self, request: Request) -> Response:
        if isinstance(request.auth, AuthToken):
            request.auth.delete()
        else:
            logout(request._request)
        return Response(status=status.HTTP_204_NO_CONTENT)
