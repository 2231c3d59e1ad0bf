"""``python -m onchip`` is ``onchip``."""

import sys

from onchip.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
