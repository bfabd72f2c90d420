"""Short spoken sentences, said by the voices of Flite (a small speech synthesiser under a BSD-like licence)."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

VOICES = {  # voice: concept, who it is
    "rms": ("man speaking", "a man"),
    "awb": ("man speaking", "a man with a scottish accent"),
    "slt": ("woman speaking", "a woman"),
    "kal": ("robot voice speaking", "a robot"),
}
SENTENCES = (
    "Good morning, how are you today?", "Hello!", "Yes.", "No, thank you.", "Thank you very much.",
    "One, two, three, four, five.", "Please close the door behind you.", "The train leaves at half past nine.",
    "What time is it?", "It is raining again.", "I would like a cup of coffee.", "Turn left at the next street.",
    "Welcome back.", "You have three new messages.", "Attention please.", "See you tomorrow.", "Happy birthday to you.",
    "Where is the library?", "The weather will be sunny and warm.", "Stop!", "Come in.", "My name is Alex.",
    "This is a test of the microphone.", "Once upon a time there was a little house by the sea.", "Goodbye.",
)  # fmt: skip


def clips(cache: Path) -> Iterator[tuple[Path, str, list[str]]]:
    """File, concept and captions of each sentence in each voice; speaks what is not in ``cache``/speech yet."""
    libraries = cache / "data/libflite1/usr/lib/x86_64-linux-gnu"
    for voice, (concept, speaker) in VOICES.items():
        for number, sentence in enumerate(SENTENCES):
            file = cache / "speech" / f"{voice}-{number}.wav"
            if not file.exists():
                file.parent.mkdir(parents=True, exist_ok=True)
                scratch = file.with_suffix(".partial")
                command = [str(cache / "data/flite/usr/bin/flite"), "-voice", voice, "-t", sentence, "-o", str(scratch)]
                subprocess.run(command, check=True, env={**os.environ, "LD_LIBRARY_PATH": str(libraries)})
                scratch.rename(file)
            said = sentence.rstrip(".?!").lower()
            yield file, concept, [f"{speaker} says {said}", f"{speaker} is talking"]
