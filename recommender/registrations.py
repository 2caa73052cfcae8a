"""What the recommender stores of one person, for export and erasure."""


def register() -> None:
    """Called once, when the app is ready."""
