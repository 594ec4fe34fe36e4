"""The YAML, read once into `model.deployment.Deployment`: every fault with file, line, column and the key's path.

Owns the keys, their checks and the JSON Schema for editors. Leaves the meaning of the values to those who use them.
"""

from proxy.configuration.load import load
from proxy.configuration.schema import json_schema

__all__ = ["json_schema", "load"]
