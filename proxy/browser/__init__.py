"""What a page may ask about its own session, and the script that asks.

Owns `session` (GET: seconds left; never counts as activity), `activity` (POST: the user is there) and `events` (what is
other than it was), below the organization's mount, and what pages load of ours: `session-watch.js` (`static/`), its
texts in several languages (`texts/`), and `signed-in`, where the window of a renewed sign-in ends; how the script gets
into pages (`injection/`); and `held-form`, for forms that came after the end. Leaves the rules to `policy` and the
record of activity to `sessions`.
"""
