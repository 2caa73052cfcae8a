"""Why `make run` cannot go on."""


class CannotRun(Exception):
    """Says in one line what is in the way; `code` is the process's exit code."""

    def __init__(self, message: str, *, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


class Interrupted(Exception):
    """Ctrl-C or SIGTERM came: everything that was started is to be stopped."""
