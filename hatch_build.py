"""Build the web page when a wheel or sdist is made and no built page is there.

`make setup` builds it already, so the hook only acts for a bare `pip wheel .`;
an sdist carries the built page, so nobody who installs from one needs Node.
"""

import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class PageBuildHook(BuildHookInterface[Any]):
    """Run npm in `web/` unless `delivery/web/dist/index.html` exists."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the page, or do nothing for an editable install."""
        del build_data
        root = Path(self.root)
        if version == "editable" or (root / "src/callboard/delivery/web/dist/index.html").exists():
            return
        for command in (["npm", "ci", "--ignore-scripts"], ["npm", "run", "build"]):
            try:
                subprocess.run(command, cwd=root / "web", check=True)  # noqa: S603  (fixed words)
            except FileNotFoundError as missing:
                message = "callboard's page is built by npm: install Node.js 20 or newer"
                raise SystemExit(message) from missing
