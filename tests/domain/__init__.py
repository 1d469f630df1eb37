"""What things are, shown by example and by generated input."""
