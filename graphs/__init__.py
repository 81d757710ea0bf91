"""The figure: one hub, four moves, one loop."""
