"""Rules that look at a running module; nothing here is imported without `--live`."""
