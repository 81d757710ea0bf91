"""Parse model replies: one extractor per kind of answer, for every model.

A reply is hostile text. It is read under limits, in time that is linear in its length, and never run. A reply that does
not parse is data (None or an empty tuple), not an exception.
"""

from nodes.parsing.answers import (
    parse_bullets,
    parse_choice,
    parse_criticism,
    parse_sketch,
    parse_verdict,
)
from nodes.parsing.claims import call_arguments
from nodes.parsing.contents import unbound_names
from nodes.parsing.fences import fenced_blocks, python_blocks
from nodes.parsing.programs import extract_code
from nodes.parsing.samples import lone_labels
from nodes.parsing.self_tests import exact_tests, parse_asserts, parse_inputs, parse_tests
from nodes.parsing.source import LITERAL_CHARS, literal

__all__ = [
    "LITERAL_CHARS",
    "call_arguments",
    "exact_tests",
    "extract_code",
    "fenced_blocks",
    "literal",
    "lone_labels",
    "parse_asserts",
    "parse_bullets",
    "parse_choice",
    "parse_criticism",
    "parse_inputs",
    "parse_sketch",
    "parse_tests",
    "parse_verdict",
    "python_blocks",
    "unbound_names",
]
