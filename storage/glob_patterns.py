"""Patterns of file names (``*.jpg``, ``2018/**/*.png``) as the regular expressions that SQLite is asked to apply."""

import re


def glob_expression(pattern: str) -> str:
    """An expression to be searched for in an absolute path; it matches the path's end, whole names at a time.

    ``*`` and ``?`` stand for any characters and one character of a name, ``**`` for any number of folders, ``[abc]``,
    ``[a-z]`` and ``[!a]`` for one of these characters, or none of them. Case is ignored: cameras write ``.JPG``. A
    pattern that begins with ``/`` is held against the whole path. Raises ValueError when it is no pattern.
    """
    if not pattern.strip("/"):
        raise ValueError("it names no file")
    start = r"\A/" if pattern.startswith("/") else "/"
    expression = rf"(?is){start}(?:{_names(pattern.lstrip('/'))})\Z"
    try:
        re.compile(expression)
    except re.error as error:
        raise ValueError(str(error)) from error
    return expression


def _names(pattern: str) -> str:
    done, at = "", 0
    while at < len(pattern):
        if pattern.startswith("**/", at):
            done, at = done + "(?:.*/)?", at + 3
        elif pattern.startswith("**", at):
            done, at = done + ".*", at + 2
        elif pattern[at] == "*":
            done, at = done + "[^/]*", at + 1
        elif pattern[at] == "?":
            done, at = done + "[^/]", at + 1
        elif (group := re.compile(r"\[(!?)(\]?[^\]]*)\]").match(pattern, at)) is not None and group[2]:
            done, at = done + f"[{'^/' if group[1] else ''}{_characters(group[2])}]", group.end()
        else:
            done, at = done + re.escape(pattern[at]), at + 1
    return done


def _characters(listed: str) -> str:
    """Single characters and ranges, each taken as it stands: to ``re`` alone, ``--`` may come to mean a difference."""
    parts = re.findall(r"(?s)(.)(?:-(.))?", listed)
    return "".join(re.escape(first) + (f"-{re.escape(last)}" if last else "") for first, last in parts)
