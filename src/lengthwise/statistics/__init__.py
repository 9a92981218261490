"""Statistics: intervals and tests from plain numbers, whatever these were measured on; scipy does most of the work."""
