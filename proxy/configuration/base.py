"""What all groups of keys have in common."""

from pydantic import BaseModel, ConfigDict


class Keys(BaseModel):
    """One mapping of the YAML: unknown keys are faults, values are read leniently (`${PORT}` is a text)."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
