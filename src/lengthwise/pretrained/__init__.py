"""Other people's models: found on disk or on the hub, searched for their attention, and changed in it."""
