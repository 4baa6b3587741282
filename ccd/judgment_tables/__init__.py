"""Judgments from the CSV files of other tools: their columns, spellings and counts."""
