"""`python -m crystalgrid NAME …`, which is `crystalgrid NAME …`."""

from .commands.entry import main

if __name__ == "__main__":  # training in several processes imports this again
    main()
