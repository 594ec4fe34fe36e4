"""The administrators' station: what they are shown, what they do, the pages and the API for both.

Owns who may come, that a change is theirs (origin, token, fresh credentials), the acts with their audit, and the words
that say what a rule comes to; leaves what a setting may be to `settings` and what it means to `policy`.

words, views      what administrators are shown, as plain values
acts, changes     what they do, by page and by command alike; changes by their names in the API
visitor, pending  who may change something: fresh credentials at their own host, a sign-in for each change elsewhere
"""
