"""Every page that people read from us when the application cannot answer them.

Owns the words (`texts`), the markup and its strict headers (`render`, `templates/`), and the reference that ties a
page to its lines in the log (`reference`). Leaves alone when a page is due and with which status: its callers know.
It has no routes, and shows nothing of a token, a cookie or a request but what a caller names.
"""
