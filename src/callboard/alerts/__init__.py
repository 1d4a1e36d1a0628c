"""Tells somebody when something goes wrong: rules over readings, judged in order of time."""
