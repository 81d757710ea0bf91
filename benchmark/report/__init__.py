"""Reports: stored runs and verdicts in, one self-contained HTML file, Markdown and CSV out; no model, no sandbox."""
