"""PostgreSQL and Valkey from wheels, started by whoever needs them first, stopped with the last.

    from common.embedded import ensure, urls

    urls(home).database_url                      # an address; starts nothing
    lease = ensure(home, database=True, broker=True)   # both answer from here on

A process holds its lease until it ends, however it ends. The package knows neither Django nor the
settings, so that the settings may use it.
"""

from common.embedded.errors import EmbeddedError
from common.embedded.lease import Lease, discard, ensure, stop
from common.embedded.places import Urls, celery_url, urls

__all__ = ["EmbeddedError", "Lease", "Urls", "celery_url", "discard", "ensure", "stop", "urls"]
