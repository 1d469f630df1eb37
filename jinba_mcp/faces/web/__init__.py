"""What every HTTP face shares: who is calling, bodies and their limits, errors as problem+json, the outer middleware.

No route lives here and no noun of the product beside the caller; the faces above import it, and it imports the core.
"""
