"""The word that was probably meant."""

import difflib
from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant by `word`, if one is near enough."""
    by_fold = {candidate.casefold().replace("_", "").replace("-", ""): candidate for candidate in known}
    fold = word.casefold().replace("_", "").replace("-", "")
    if fold in by_fold:
        return by_fold[fold]
    found = difflib.get_close_matches(fold, by_fold, n=1, cutoff=0.7)
    return by_fold[found[0]] if found else None
