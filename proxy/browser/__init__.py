"""What a page may ask about its own session.

Owns `session` (GET: seconds left; never counts as activity) and `activity` (POST: the user is there), below the
organization's mount. Leaves the rules to `policy.limits` and the record of activity to `sessions`.
"""
