"""The boxes of the figure: one file, one function, one node name each."""
