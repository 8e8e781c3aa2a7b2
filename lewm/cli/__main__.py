"""`python -m lewm.cli` is the `lewm` command."""

from lewm.cli import main

main()
