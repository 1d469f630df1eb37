"""The clock's face: what happens without anyone asking, such as heartbeats. Drives the core, decides nothing."""
