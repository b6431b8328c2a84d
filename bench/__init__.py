"""Benchmarks that a reader can rerun: `make bench` (or `python -m bench`).

Belongs here: measuring whole processes, with a peer or a limit beside them in the same run. Does not belong
here: failing; a goal that is missed is said to be. Quote ratios and CPU time: machines are noisy.
"""
