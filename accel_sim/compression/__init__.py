"""How a network was made smaller: masks, storage formats, and the methods that produce them.

May import ``errors``, ``units``, ``kernels`` and ``workload``.
"""
