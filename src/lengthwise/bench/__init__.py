"""Benchmark of attention on this machine against torch's own: time and peak memory at several lengths."""
