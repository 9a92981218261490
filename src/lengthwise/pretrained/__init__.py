"""Other people's models: finding them on disk or on the hub, finding their attention, and changing it."""
