"""Questions to the running web server."""

import http.client
import json

from web.supervisor.preparation import HOST


def ask(port: int, path: str, *, timeout: float = 5.0) -> tuple[int, dict[str, object]] | None:
    """Return status and JSON body of GET `path`, None while nobody answers."""
    connection = http.client.HTTPConnection(HOST, port, timeout=timeout)
    try:
        connection.request("GET", path, headers={"Host": f"localhost:{port}"})
        response = connection.getresponse()
        body = json.loads(response.read() or b"{}")
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    return response.status, body if isinstance(body, dict) else {}


def find_missing(port: int) -> list[str] | None:
    """Return the names of the checks that /readyz still waits for; empty when ready, None unanswered."""
    answer = ask(port, "/readyz")
    if answer is None:
        return None
    status, body = answer
    if status == 200:
        return []
    checks = body.get("checks")
    failed = (
        [name for name, passed in checks.items() if not passed] if isinstance(checks, dict) else []
    )
    return failed or ["the web server"]
