"""What the sandbox promises to users, from one end to the other: real servers, real walls, real clients."""
