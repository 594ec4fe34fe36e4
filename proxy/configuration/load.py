"""From a file to a `Deployment`, or to every fault there is."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from proxy.configuration.build import deployment_of
from proxy.configuration.cautions import cautions
from proxy.configuration.checks import dangers
from proxy.configuration.document import read
from proxy.configuration.redirects import redirect_faults
from proxy.configuration.rules import rule_dangers
from proxy.configuration.schema import Schema
from proxy.configuration.unsupported import unsupported
from proxy.configuration.words import faults_of
from proxy.errors import ConfigurationError, Fault
from proxy.model.deployment import Deployment


def load(path: Path, environment: Mapping[str, str]) -> Deployment:
    """Read the YAML. `environment` fills in `${NAME}`; `{file: PATH}` is read relative to the YAML's folder.

    Raises ConfigurationError with every fault of the file, in its order; no fault prints a value that may be secret.
    """
    document = read(path, environment)
    faults: list[Fault] = list(document.faults)
    schema: Schema | None = None
    if document.data is not None:
        try:
            schema = Schema.model_validate(document.data)
        except ValidationError as error:
            faults += faults_of(error, document, Schema)
        checks = (dangers, rule_dangers, redirect_faults, unsupported)
        faults += [document.fault(*found) for check in checks for found in check(document.data)]
    if faults or schema is None:
        raise ConfigurationError(_one_a_place(faults))
    deployment = deployment_of(schema, document.sources)
    return replace(deployment, warnings=tuple(sorted(document.fault(*found) for found in cautions(deployment))))


def _one_a_place(faults: list[Fault]) -> tuple[Fault, ...]:
    """In the file's order; of several about one key the first found, for the others follow from it."""
    first: dict[tuple[int, int, str], Fault] = {}
    for fault in faults:
        first.setdefault((fault.line, fault.column, fault.key), fault)
    return tuple(sorted(first.values()))
