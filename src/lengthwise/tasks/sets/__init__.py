"""Tasks on sets, whose elements have no order."""
