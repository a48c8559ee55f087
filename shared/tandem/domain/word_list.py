"""Long lists of names, written as text so that they can be read."""


def words(*texts: str) -> frozenset[str]:
    """The words of the texts, which white space separates."""
    return frozenset(word for text in texts for word in text.split())
