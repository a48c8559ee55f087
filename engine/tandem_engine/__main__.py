"""``python -m tandem_engine``: run the engine with the settings of the environment."""

import os
import sys
from dataclasses import replace

from tandem_engine.bearer_token import seal, take_token
from tandem_engine.containment import NotContained
from tandem_engine.data_root import DataRootTaken
from tandem_engine.jmeter_home import NoJMeter
from tandem_engine.logs import configure_logging
from tandem_engine.server import serve
from tandem_engine.settings import Settings, SettingsError


def main() -> int:
    """Run until a signal comes; the exit status: 0 after a clean end, 2 when it could not begin."""
    configure_logging()
    try:
        token = take_token(os.environ)
        seal()
        serve(replace(Settings.from_environment(os.environ), token=token), os.environ)
    except (SettingsError, NoJMeter, NotContained, DataRootTaken, OSError) as fault:
        sys.stderr.write(f"tandem engine: {fault}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
