"""`python -m envelope.cli` is the `envelope` command."""

from envelope.cli import main

main()
