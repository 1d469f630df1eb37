"""TypeScript tools: the guest alone on plain descriptors, and hostile ones inside the walls."""
