"""The path of a result file as the engine tells it, checked before a URL is made of it."""

from urllib.parse import quote

from tandem.domain.errors import EngineAnsweredWrongly

_LONGEST = 1024


def result_file_target(result_path: str) -> str:
    """The absolute URL path of ``results/{dir}/results.jtl``. Raises ``EngineAnsweredWrongly`` for anything else.

    No scheme, host, query or way upwards can come through: every segment is quoted, and must be a plain name.
    """
    segments = result_path.removeprefix("/").split("/")
    plain = all(segment not in {"", ".", ".."} and _is_plain(segment) for segment in segments)
    if not plain or segments[0] != "results" or len(segments) < 2 or len(result_path) > _LONGEST:
        raise EngineAnsweredWrongly(f"the engine told a result path that is none: {result_path[:120]!r}")
    return "/" + "/".join(quote(segment, safe="") for segment in segments)


def _is_plain(segment: str) -> bool:
    return segment.isprintable() and not set(segment) & set("\\?#%:")
