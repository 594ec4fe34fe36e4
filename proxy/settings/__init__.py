"""The settings in force: the configuration's, and over them those that administrators changed while it runs.

Owns which value is in force and where it comes from, what a change may be, the history and going back in it; leaves
what the values mean to `policy.limits`, and ending the sessions that a shorter limit ends to `sessions.sweep`.

catalogue   every setting by the name that administrators know it by
values      PURE: values over a configuration
change      PURE: what a change comes to, and what is wrong with it
history     entries as they are kept
live        the values of all workers and nodes, and changing them
current     the rules of time that follow
"""
