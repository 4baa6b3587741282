"""Frames of judgments in, numbers out: votes, ties, agreement, intervals, shares, scorecards. No SQL, no files."""
