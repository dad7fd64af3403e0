"""Cycle-stepped functional twins: real operands move one clock at a time.

Each twin returns outputs, cycles and access counts and shares no formula with the fast path.
"""
