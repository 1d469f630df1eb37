"""A short silent WAV."""

import io
import wave

from jinba_mcp.authoring import Audio


def run() -> Audio:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8_000)
        sound.writeframes(bytes(160))
    return Audio(data=file.getvalue())
