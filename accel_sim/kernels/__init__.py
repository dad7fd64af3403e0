"""Numba kernels: pure functions over arrays, and their cycle-stepped twins.

What happens inside one command (PE by PE, clock by clock) is computed here. A kernel may import
``accel_sim.errors`` and other kernels, nothing else of the package.
"""
