"""Entry of ``python -m recommender.core``."""

import sys

from recommender.core.cli import main

if __name__ == "__main__":
    sys.exit(main())
