"""`python -m makegood.cli`."""

from makegood.cli import main

main()
