"""The claim and parameter `sid`: the name of one session of a provider, unless it is the user's Windows SID."""

import re

# Also in quotes or braces, or after blanks and invisible characters: such a value is still not a secret.
_WINDOWS_SID = re.compile(r"[\W_]*s-1-", re.IGNORECASE)


def session_id(sid: str | None) -> str | None:
    """Return a `sid` if it can name one session of a provider, or None for a Windows SID (`S-1-…`).

    AD FS can be configured to issue the user's Windows SID as a claim named `sid`. Everyone in the domain can look it
    up, and it is the same in all sessions of the user.
    """
    return None if sid is None or _WINDOWS_SID.match(sid) else sid
