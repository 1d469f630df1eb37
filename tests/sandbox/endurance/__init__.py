"""The engine `local` over a long time and under kills: what goes wrong stays where it is, and nothing is left over."""
