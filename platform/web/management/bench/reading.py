"""Reading a slate, beside an authenticated view that does nothing."""

from collections.abc import Sequence

from web.management.bench.client import Client
from web.management.bench.timing import Comparison, compare


def measure_reading(client: Client, tokens: Sequence[str], *, pairs: int) -> Comparison:
    """Read each learner's slate in turn, with the same token for both sides of a pair."""

    def read(number: int) -> None:
        client.get("/api/v1/recommendations/", token=tokens[number % len(tokens)])

    def nothing(number: int) -> None:
        client.get("/bench/empty/", token=tokens[number % len(tokens)])

    return compare(read, nothing, pairs=pairs, warm=10)
