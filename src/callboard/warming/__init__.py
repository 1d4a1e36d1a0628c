"""Loads what people are about to open, before they ask, under a budget."""
