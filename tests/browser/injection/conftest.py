from support.injected import site
from support.stage import lane, stage, upstream

__all__ = ["lane", "site", "stage", "upstream"]
