"""Sound and video."""

from indexer.extract.registry import Format, in_module

FORMATS = (
    Format(
        "sound",
        "audio",
        ("wav", "flac", "mp3", "ogg", "oga", "opus", "m4a", "aac", "aif", "aiff"),
        in_module("indexer.extract.recordings"),
        "a window of five seconds",
    ),
    Format(
        "video",
        "video",
        ("mp4", "m4v", "mkv", "webm", "mov", "avi"),
        in_module("indexer.extract.recordings"),
        "a moment between cuts, up to ten seconds; a window of five seconds of its sound",
    ),
)
