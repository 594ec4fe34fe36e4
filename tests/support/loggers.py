"""The proxy's loggers, which keep for good what they wrote to first."""

import sys


def forget_what_they_write_to() -> None:
    """Let every module's logger ask anew how structlog is set up."""
    for name, module in list(sys.modules.items()):
        if name.startswith("proxy."):
            for logger in (getattr(module, "log", None), getattr(module, "_log", None)):
                if hasattr(logger, "new"):
                    vars(logger).pop("bind", None)
