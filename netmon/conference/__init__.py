"""The conference: which rooms are ready, which are not, which rung broke, and whose it is."""
