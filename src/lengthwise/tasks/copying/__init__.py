"""Tasks whose answer rearranges the symbols of the source."""
