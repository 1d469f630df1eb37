"""OpenAI-compatible models, chat completions and files. Empty until agents exist; the room keeps their place."""
