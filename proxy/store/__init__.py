"""The store: where sessions, tombstones and marks lie for all workers and nodes.

Owns the Redis client, its scripts, publish/subscribe and the breaker, and the memory twin for one worker. Leaves alone
what is in a sealed field and what a session means: that is `sessions`.
"""
