"""Text of strangers, made safe to print: in logs, on terminals and in reports."""


def printable(text: str) -> str:
    r"""Return `text` with every character escaped that could forge a line, move the cursor or hide something.

    Escaped are the control characters (C0, DEL, C1), line and paragraph separators, bidirectional and other invisible
    formatting characters, lone surrogates, private and unassigned code points, and every space except U+0020. They
    appear as `\xNN`, `\uNNNN` or `\UNNNNNNNN`. Letters, marks and symbols of all scripts stay, and so does the
    backslash, because Windows account names contain it (`CONTOSO\alice`).
    """
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else _escaped(ord(character)) for character in text)


def _escaped(code: int) -> str:
    if code <= 0xFF:  # noqa: PLR2004 - the largest code point of two hexadecimal digits
        return f"\\x{code:02x}"
    if code <= 0xFFFF:  # noqa: PLR2004 - and of four
        return f"\\u{code:04x}"
    return f"\\U{code:08x}"
