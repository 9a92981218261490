"""Statistics: intervals and tests on plain numbers, from any measurement; scipy does most of the work."""
