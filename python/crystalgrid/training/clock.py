"""The time that a run has taken and may take."""

import time


class Clock:
    """A clock that counts the seconds of a run from the moment the clock is made, and those before a resume.

    minutes: the limit for the whole run, with all that comes before the first step and after the last.
    """

    def __init__(self, minutes: float | None = None) -> None:
        self.limit = None if minutes is None else 60 * minutes
        self.start = time.monotonic()
        self.seconds_before = 0.0
        self.check_seconds = 0.0
        """Seconds that a validation with its checkpoint and picture takes, estimated so far."""

    @property
    def seconds(self) -> float:
        """The seconds since the run began."""
        return self.seconds_before + time.monotonic() - self.start

    def share(self) -> float:
        """Return the share of the time for training that has passed; 0 without a limit."""
        return 0.0 if self.limit is None else min(1.0, self.seconds / max(1e-9, self.limit - self.check_seconds))

    def is_up(self, checks_now: bool) -> bool:
        """Return whether the remaining time is needed for the last validation, after one that is due now."""
        return self.limit is not None and self.seconds + (1 + checks_now) * self.check_seconds > self.limit
