"""A campaign: its folder, its configuration, and what is done with its pairs, rounds, judgments and labels."""
