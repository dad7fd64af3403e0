"""Mappings: where and in what order a layer is computed; legality, closed-form bounds, and the choice between them.

One file a dataflow. May import workload, arch, compression, algorithms and what lies below; knows no program and no
time.
"""
