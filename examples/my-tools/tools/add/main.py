def run(a: int, b: int = 1) -> dict:
    """Add two integers."""
    return {"sum": a + b}
