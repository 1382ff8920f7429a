"""Run a module in a throw-away copy, and hold on to what it does."""
