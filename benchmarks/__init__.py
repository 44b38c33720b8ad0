"""Benchmarks: everything side by side in one run. Start with `make bench`."""
