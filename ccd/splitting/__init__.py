"""Train, dev and test: links between pairs, leakage groups, quotas, placement."""
