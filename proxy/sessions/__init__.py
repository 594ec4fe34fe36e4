"""Sessions: cookies, records, the worker's copies, activity, marks and tombstones.

Owns what a session's cookie and record hold, when a copy may be trusted and how an end is told to all. Leaves alone how
long a session lasts (`policy`), who may sign in (`signin`), and how records are kept (`store`).
"""
