from support.stage import ask, lane, stage, upstream

__all__ = ["ask", "lane", "stage", "upstream"]
