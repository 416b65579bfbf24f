"""`python -m loquent` is the same as `loquent`."""

from loquent.cli import main

main()
