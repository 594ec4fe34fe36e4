"""The settings in force: what the configuration says of each organization, as rules of time.

Owns which rules apply now; leaves what they mean to `policy.limits`.
"""
