"""Pairs to features to AnANet to predictions (Xu et al., 2021). Empty in this version."""
