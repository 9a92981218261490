"""Tasks that count symbols: parity, majorities, modes and histograms."""
