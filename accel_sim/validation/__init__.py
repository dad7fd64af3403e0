"""Published figures, and the functions that compute ours: every row of ``accel-sim validate``.

One file a subject, each with a tuple ``FIGURES``; `registry` lists them. May import everything below the command line.
"""
