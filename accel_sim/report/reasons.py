"""The names of stall reasons, in words.

A reason is what a unit waited for: ``dram:<tensor>``, ``full:<buffer>``, ``port:<server>``, ``producer`` (an earlier
layer's output); anything else is its own name.
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
        case "producer":
            return "an earlier layer"
        case _:
            return reason
