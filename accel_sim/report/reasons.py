"""The names of stall reasons, in words.

A reason is what the primary unit waited for: ``dram:<tensor>``, ``full:<buffer>``, ``preload:<tensor>`` (its load into
the PEs' second registers), ``port:<server>``, ``producer`` (an earlier layer's output), ``drain`` (the last stores of
the run), ``layer_window`` (its next commands are not admitted yet); anything else is its own name, e.g. that of a
server.
"""

from __future__ import annotations


def reason_kind(reason: str) -> str:
    """Return what a reason is about: ``dram``, ``full``, ``port``, ``producer``, or the reason itself."""
    return reason.partition(":")[0]


def reason_subject(reason: str) -> str:
    """Return which tensor, buffer or port a reason is about; empty where it names none."""
    return reason.partition(":")[2]


def reason_in_words(reason: str) -> str:
    """Return a reason as it reads after "waits for", e.g. ``the filter from DRAM``."""
    subject = reason_subject(reason)
    match reason_kind(reason):
        case "dram" if subject:
            return f"{subject} from DRAM"
        case "full" if subject:
            return f"space in {subject}"
        case "port" if subject:
            return f"its turn at {subject}"
        case "preload" if subject:
            return f"{subject} to enter the PEs"
        case "dram":
            return "DRAM"
        case "producer":
            return "an earlier layer"
        case "drain":
            return "the last stores"
        case "layer_window":
            return "earlier layers to end"
        case _:
            return reason
