"""Tasks that look something up among what was read."""
