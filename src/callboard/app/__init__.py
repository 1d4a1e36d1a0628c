"""Where everything meets: the composition root and the lifecycle."""
