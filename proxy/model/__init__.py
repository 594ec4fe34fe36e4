"""Frozen values that all stations speak in. No behaviour beyond what a value says of itself; no I/O, no clock."""
