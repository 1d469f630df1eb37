"""What runs inside the sandbox, tested outside of it where that can be."""
