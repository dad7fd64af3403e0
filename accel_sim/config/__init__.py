"""Input files: read YAML with the place of every key, check it against a model, find shipped files.

Every kind of input file (workload, architecture, mapping, DRAM preset, sweep, recipe) comes through here, so that
all of them report a mistake the same way. May import `accel_sim.errors` and `accel_sim.units` only.
"""

from accel_sim.config.document import Document, dotted
from accel_sim.config.load import load_document, parse_document
from accel_sim.config.model import KeyFaultError, StrictModel
from accel_sim.config.shipped import resolve_shipped, shipped_names
from accel_sim.config.validate import validate

__all__ = [
    "Document",
    "KeyFaultError",
    "StrictModel",
    "dotted",
    "load_document",
    "parse_document",
    "resolve_shipped",
    "shipped_names",
    "validate",
]
