"""What learners answers for the apps below it: who may see which content, and one person's data."""


def register() -> None:
    """Called once, when the app is ready."""
