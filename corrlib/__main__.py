"""`python -m corrlib`."""

import sys

from corrlib.cli import main

if __name__ == "__main__":
    sys.exit(main())
