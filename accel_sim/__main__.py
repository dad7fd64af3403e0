"""``python -m accel_sim``: the same program as ``accel-sim``."""

from accel_sim.cli import main

main()
