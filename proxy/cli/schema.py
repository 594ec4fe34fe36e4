"""`claims-proxy schema`: the JSON Schema of the YAML, for editors."""

import json

import click

from proxy.configuration import json_schema


@click.command()
def schema() -> None:
    """Print the JSON Schema of the configuration."""
    click.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))
