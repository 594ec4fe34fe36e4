from dataclasses import dataclass


@dataclass(frozen=True)
class FederationMetadata:
    entity_id: str
    endpoint: str
    keys: tuple = ()


def read_metadata(data, now):
    raise ValueError


def write_metadata(**_):
    raise ValueError
