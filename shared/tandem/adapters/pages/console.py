"""The console: a static page that calls our API and nobody else."""

from tandem.adapters.pages.bundle import chart_script, read_text, script, style
from tandem.domain.pages import ConsolePart


def console_file(part: ConsolePart) -> str:
    """The text of one of its files."""
    match part:
        case ConsolePart.PAGE:
            return read_text("web/console.html")
        case ConsolePart.STYLE:
            return style("style", "console")
        case ConsolePart.CHARTS:
            return chart_script()
        case ConsolePart.SCRIPT:
            return script("console_main")
