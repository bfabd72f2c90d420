"""Where the program starts: a running service answers if there is one; otherwise the command runs here."""

import sys

from engine.printed import let_all_be_printed
from engine.service.forward import forward


def main() -> None:
    """Run ``synesthete``."""
    let_all_be_printed()
    code = forward(sys.argv[1:])
    if code is not None:
        sys.exit(code)
    from engine.cli import main as run_here

    run_here()


if __name__ == "__main__":
    main()
