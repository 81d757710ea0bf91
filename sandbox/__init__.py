"""Run hostile programs: one protocol, Docker and bubblewrap behind it, verdicts by one pure function."""
