"""Requests to the application as gunicorn makes them, without gunicorn and the network between."""

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler


class Client:
    """Calls the whole application, middleware and all, in this process."""

    def __init__(self) -> None:
        settings.ROOT_URLCONF = "web.management.bench.urls"
        Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)
        self._application = WSGIHandler()

    def get(self, path: str, *, token: str) -> bytes:
        """Return the body of a 200."""
        return self._ask("GET", path, token, b"", 200)

    def post(self, path: str, *, token: str, body: bytes) -> bytes:
        """Return the body of a 201."""
        return self._ask("POST", path, token, body, 201)

    def _ask(self, method: str, path: str, token: str, body: bytes, expected: int) -> bytes:
        told: list[str] = []

        def start_response(
            status: str, headers: list[tuple[str, str]], error: Any = None, /
        ) -> Callable[[bytes], object]:
            told.append(status)
            return io.BytesIO().write

        environ = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": "",
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_AUTHORIZATION": f"Token {token}",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": sys.stderr,
            "wsgi.url_scheme": "http",
            "wsgi.version": (1, 0),
            "wsgi.multithread": False,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        answer = self._application(environ, start_response)
        content = b"".join(answer)
        answer.close()
        if not told[0].startswith(str(expected)):
            raise RuntimeError(f"{method} {path}: {told[0]}: {content[:500].decode()}")
        return content
