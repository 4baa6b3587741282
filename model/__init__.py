"""Pairs to features to AnANet and its baselines, and back to explanations (Xu et al., 2021)."""
