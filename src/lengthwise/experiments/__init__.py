"""Experiments: a run is a folder, a comparison is many runs; both can be killed and carried on."""
