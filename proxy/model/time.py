"""Units of time used in every signature. An instant crosses processes, so it is UTC wall time."""

from typing import TypeAlias

Instant: TypeAlias = float
"""Seconds since 1970-01-01T00:00:00Z, UTC."""

Seconds: TypeAlias = float
"""A length of time in seconds."""

Minutes: TypeAlias = int
"""A length of time in whole minutes, as administrators set it."""
