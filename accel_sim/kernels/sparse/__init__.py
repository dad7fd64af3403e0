"""Kernels of the machines that skip zeros: cycles and counts from the real masks, one file a machine."""
