"""`python -m common.embedded HOME` becomes the keeper of that home; started by `ensure` only."""

import sys
from pathlib import Path

from common.embedded.keeper import main

sys.exit(main(Path(sys.argv[1])))
