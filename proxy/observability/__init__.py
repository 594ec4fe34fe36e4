"""Logs and audit events: each decision once, with its reason; secrets redacted in one place, `logs.redact`.

Open to every layer but policy and model, which say what they found in what they return.
"""
