"""Planted bugs: the reference with one thing wrong, what it stands for, and who must notice."""
