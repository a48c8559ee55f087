"""A headless Chromium of this machine, steered by its own driver; it calls nobody but the pages under test."""

import base64
import contextlib
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import ActionChains, Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

PROJECT = Path(__file__).resolve().parents[2]
SCREENSHOTS = PROJECT / ".build" / "screenshots"
_AXE = Path(__file__).parent / "vendor" / "axe" / "axe.min.js"
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--no-proxy-server",
    "--hide-scrollbars",
)
_MAX_SHOT_HEIGHT = 9000


class Browser:
    """One browser. ``look`` and its like wait up to ten seconds for what they are asked for."""

    def __init__(self, profile: Path, language: str = "en-GB", zone: str = "UTC") -> None:
        binary, driver = shutil.which("chromium"), shutil.which("chromedriver")
        if binary is None or driver is None:
            pytest.fail("the browser tests need Chromium and its driver: scripts/need_chromium.sh installs them")
        options = ChromeOptions()
        options.binary_location = binary
        for flag in (*_FLAGS, f"--user-data-dir={profile}", f"--accept-lang={language}", f"--lang={language}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = Chrome(options=options, service=ChromeService(executable_path=driver))
        self.tell("Emulation.setTimezoneOverride", timezoneId=zone)
        self.tell("Emulation.setLocaleOverride", locale=language)
        self.wear(1280, dark=False)

    def close(self) -> None:
        self.driver.quit()

    def tell(self, command: str, **arguments: object) -> Any:
        """A command of the DevTools protocol."""
        return self.driver.execute_cdp_cmd(command, dict(arguments))

    def wear(self, width: int, *, dark: bool = False, height: int = 900) -> None:
        """A window of this width and colour scheme."""
        self.width = width
        self.tell(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500
        )
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.tell("Emulation.setEmulatedMedia", media="screen", features=features)

    def open(self, address: str) -> None:
        self.driver.get(address)

    def forget(self) -> None:
        """Leave the page and all that pages remember."""
        self.driver.get("about:blank")
        self.tell("Storage.clearDataForOrigin", origin="*", storageTypes="all")
        self.complaints()

    def press(self, *keys: str) -> None:
        """Keys, to whatever has the focus."""
        for key in keys:
            ActionChains(self.driver).send_keys(key).perform()

    @property
    def focused(self) -> str:
        """The name by which a screen reader tells the focused element."""
        script = """
            const each = document.activeElement;
            const by = each.getAttribute('aria-labelledby');
            const label = each.labels?.[0] ?? (by && document.getElementById(by));
            return each.getAttribute('aria-label') || (label ?? each).textContent.trim();
        """
        return str(self.run(script))

    def tab_to(self, name: str, most: int = 60) -> None:
        """Press Tab until the element of this name has the focus."""
        for _ in range(most):
            self.press(Keys.TAB)
            if self.focused == name:
                return
        pytest.fail(f"{most} times Tab did not lead to {name!r}; the last one was {self.focused!r}")

    def look(self, selector: str, text: str = "", seconds: float = 10) -> WebElement:
        """The first element that matches and holds the text, when there is one."""

        deadline = time.monotonic() + seconds
        while True:
            found = self._find(selector, text)
            if found is not None:
                return found
            if time.monotonic() > deadline:
                pytest.fail(f"{selector} {text!r} did not come; the page says: {self.text[-2000:]}")
            time.sleep(0.05)

    def _find(self, selector: str, text: str) -> WebElement | None:
        for element in self.all(selector):
            # A page that draws itself again takes elements away between two looks.
            with contextlib.suppress(StaleElementReferenceException):
                if text in str(element.get_property("textContent")):
                    return element
        return None

    def all(self, selector: str) -> list[WebElement]:
        return list(self.driver.find_elements(By.CSS_SELECTOR, selector))

    def click(self, selector: str, text: str = "") -> None:
        element = self.look(selector, text)
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def run(self, script: str, *arguments: object) -> Any:
        return self.driver.execute_script(script, *arguments)

    @property
    def text(self) -> str:
        """What the page says, as far as it is shown."""
        return str(self.run("return document.body ? document.body.innerText : ''"))

    def data_of(self, selector: str) -> list[str]:
        """The exact values behind the figures in an element: those of its <data> elements."""
        script = "return [...document.querySelectorAll(arguments[0] + ' data')].map(each => each.getAttribute('value'))"
        return list(self.run(script, selector))

    def complaints(self) -> list[str]:
        """What the console holds of errors and breaches of the page's policy since it was asked last."""
        logs: Sequence[Mapping[str, Any]] = self.driver.get_log("browser")  # type: ignore[no-untyped-call]
        return [str(entry["message"]) for entry in logs if entry["level"] in {"SEVERE", "WARNING"}]

    def hosts_called(self) -> set[str]:
        """scheme://host of every request that the page made since it was asked last."""
        script = "return performance.getEntriesByType('resource').map(entry => new URL(entry.name).origin)"
        return set(self.run(script))

    def overflow(self) -> list[str]:
        """Elements that make the page wider than its window."""
        script = """
            const width = arguments[0];
            if (Math.max(innerWidth, document.documentElement.scrollWidth) <= width) return [];
            return [...document.querySelectorAll('body *')]
                .filter(each => each.getBoundingClientRect().right > width + 1)
                .map(each => each.tagName + '.' + each.className);
        """
        return list(self.run(script, self.width))

    def accessibility_faults(self) -> list[str]:
        """What axe calls serious or critical, each with the first element it concerns."""
        if not self.run("return 'axe' in window"):
            # Over the protocol, and not as a script element: the pages let no foreign script in.
            self.tell("Runtime.evaluate", expression=_AXE.read_text(encoding="utf-8"))
        script = """
            const done = arguments[arguments.length - 1];
            axe.run(document, {resultTypes: ['violations']}).then(result => done(result.violations
                .filter(each => ['serious', 'critical'].includes(each.impact))
                .map(each => `${each.id}: ${each.nodes[0].target} ${each.nodes[0].failureSummary}`)));
        """
        self.driver.set_script_timeout(60)
        return list(self.driver.execute_async_script(script))

    def shoot(self, name: str) -> Path:
        """A picture of the whole page in .build/screenshots, for a person to look at."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        file = SCREENSHOTS / f"{name}.png"
        width, height = self.run("return [innerWidth, document.documentElement.scrollHeight]")
        clip = {"x": 0, "y": 0, "width": width, "height": min(height, _MAX_SHOT_HEIGHT), "scale": 1}
        picture = self.tell("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        file.write_bytes(base64.b64decode(picture["data"]))
        return file
