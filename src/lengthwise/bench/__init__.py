"""How fast attention is on this machine, beside torch's own: time, and peak memory, at several lengths."""
