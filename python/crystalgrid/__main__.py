"""`python -m crystalgrid NAME …`, which is `crystalgrid NAME …`."""

from .commands.entry import main

main()
