"""The paths of results as the engine tells them, checked before a URL is made of them."""

from urllib.parse import quote

from tandem.domain.errors import EngineAnsweredWrongly

_LONGEST = 1024


def result_file_target(result_path: str) -> str:
    """The absolute URL path of ``results/{dir}/results.jtl``. Raises ``EngineAnsweredWrongly`` for anything else."""
    return _target(result_path, "results")


def dashboard_target(report_path: str) -> str:
    """The absolute URL path of ``reports/{dir}``. Raises ``EngineAnsweredWrongly`` for anything else."""
    return _target(report_path, "reports")


def _target(path: str, top: str) -> str:
    """No scheme, host, query or way upwards can come through: every segment is quoted, and must be a plain name."""
    segments = path.removeprefix("/").split("/")
    plain = all(segment not in {"", ".", ".."} and _is_plain(segment) for segment in segments)
    if not plain or segments[0] != top or len(segments) < 2 or len(path) > _LONGEST:
        raise EngineAnsweredWrongly(f"the engine told a path below {top} that is none: {path[:120]!r}")
    return "/" + "/".join(quote(segment, safe="") for segment in segments)


def _is_plain(segment: str) -> bool:
    return segment.isprintable() and not set(segment) & set("\\?#%:")
