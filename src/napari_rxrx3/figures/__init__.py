"""Taking along what was seen: figures, scripts, raw planes and whole sessions."""
