"""What MCUs themselves report of the rooms that are in a conference."""
