"""Arithmetic, digit by digit."""
