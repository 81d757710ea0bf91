"""How fast: ratios against what else there is, measured side by side in one run."""
