def run(a: int, b: int) -> dict:
    return {"sum": a + b}
