"""Tables, CSV, plots, sentences and timelines of results.

Everything here takes plain result dicts (JSON schema 1, see `accel_sim.report.schema`), so that it works on saved files
too. May import everything below the command line; matplotlib, pandas and rich only inside functions.
"""
