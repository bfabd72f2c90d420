"""The words in a file's name, written so that a full-text index finds each of them."""

import re

_FOLDERS = 2
# Where a name is cut besides punctuation, which the index knows: before a capital in camelCase, beside digits.
_CUT = re.compile(r"(?<=[^\W\d_A-Z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=\d)(?=[^\W\d_])|(?<=[^\W\d_])(?=\d)")


def name_words(path: str) -> str:
    """The last two folders of ``path`` and its name as they are, then the words of those that are written as one.

    ``/home/me/Norway/2018/IMG2041.jpg`` gives ``Norway 2018 IMG2041.jpg IMG 2041``.
    """
    names = [name for name in path.split("/") if name][-_FOLDERS - 1 :]
    words = [word for name in names for word in re.findall(r"[^\W_]+", name)]
    return " ".join([*names, *(_CUT.sub(" ", word) for word in words if _CUT.search(word))])
