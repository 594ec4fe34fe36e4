"""Commands that are called as PowerShell's are."""

import re

import click

from proxy.settings.catalogue import nearest

_PARAMETER = re.compile(r"(-[A-Za-z]+)(?::(.*))?", re.DOTALL)


class Cmdlet(click.Command):
    """Parameters in any letter case, in any order, cut short as far as one alone is meant, and as `-Name:Value`.

    Source: Microsoft, «about_Parameters» (abbreviation, `-Name:Value`).
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does, of parameters written out."""
        ctx.token_normalize_func = str.lower
        return super().parse_args(ctx, [part for word in args for part in self._written_out(ctx, word)])

    def _written_out(self, ctx: click.Context, word: str) -> list[str]:
        found = _PARAMETER.fullmatch(word)
        if found is None or word in ctx.help_option_names:
            return ["--help"] if word == "-?" else [word]
        given, value = found[1].lower(), found[2]
        known = [name for each in self.params for name in each.opts if not name.startswith("--")]
        meant = [given] if given in known else [name for name in known if name.startswith(given)]
        if len(meant) != 1:
            choice = f"it may be {' or '.join(meant)}" if meant else nearest(given, known)
            raise click.UsageError(f"{found[1]}: no such parameter; {choice}", ctx)
        return [*meant, value] if value else meant
