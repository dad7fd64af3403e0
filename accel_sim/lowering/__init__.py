"""Lowering: (layer, operands, mapping) to the tile program of that layer; one file a dataflow.

May import program, mapping, kernels and what lies below. Pure functions of frozen data: no clock in here.
"""
