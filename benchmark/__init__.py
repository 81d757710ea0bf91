"""Measurement: the only place that knows hidden tests; the search never imports it."""
