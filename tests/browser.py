"""A real browser for the pages that ksecrets writes: what a test opens, looks at and prints.

Chromium through its driver. Nothing but files of this machine is opened; whatever a page asks for beyond itself is
refused by the browser and kept in `requests`, so that a test can say that it asked for nothing.
"""

from __future__ import annotations

import base64
import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from selenium.webdriver import Chrome
    from selenium.webdriver.remote.webelement import WebElement


class Browser:
    """One window. `open` shows a page; `light` and `dark` say what the user prefers, from then on."""

    def __init__(self, chromium: str, driver: str, profile: Path) -> None:
        from selenium.webdriver import Chrome, ChromeOptions, ChromeService

        options = ChromeOptions()
        options.binary_location = chromium
        words = ["headless=new", "disable-gpu", "disable-dev-shm-usage", "no-first-run", "hide-scrollbars"]
        words += [f"user-data-dir={profile}", "window-size=1280,900", "disable-background-networking"]
        words += ["host-resolver-rules=MAP * ~NOTFOUND"]  # no name of the network is found
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            words.append("no-sandbox")  # Chromium has none for root
        for word in words:
            options.add_argument(f"--{word}")
        options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
        self._driver: Chrome = Chrome(options=options, service=ChromeService(executable_path=driver))
        self.requests: list[str] = []
        self.console: list[str] = []

    def open(self, page: Path) -> None:
        """Shows the file, to its end; `requests` and `console` are then those of this page."""
        self._log()
        url = page.resolve().as_uri()
        self._driver.get(url)
        time.sleep(0.05)  # what is asked for late, by a style or a timer
        asked, self.console = self._log()
        self.requests = asked[asked.index(url) :]  # before it: the page that Chromium itself begins with

    def find(self, css: str) -> list[WebElement]:
        """The elements that a CSS selector chooses, in their order."""
        return self._driver.find_elements("css selector", css)

    def text(self, css: str = "body") -> str:
        """What people see of the first such element."""
        return self.find(css)[0].text

    def script(self, source: str, *arguments: Any) -> Any:
        """What the JavaScript `source` returns, run by the test: the page's own policy does not count for it."""
        return self._driver.execute_script(source, *arguments)

    def light(self) -> None:
        self._media("", "light")

    def dark(self) -> None:
        self._media("", "dark")

    def paper(self) -> None:
        """As it would be printed, by somebody whose screen is dark."""
        self._media("print", "dark")

    def resize(self, width: int, height: int = 900) -> None:
        """The window in CSS pixels: 360 wide is a phone."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._command("Emulation.setDeviceMetricsOverride", **size)

    def screenshot(self, path: Path) -> None:
        """The whole page as a PNG."""
        taken = self._command("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(taken["data"]))

    def pdf(self) -> bytes:
        """The page as it would be printed."""
        return base64.b64decode(self._command("Page.printToPDF", printBackground=False)["data"])

    def reset(self) -> None:
        """An empty window, as a new one: for the next test."""
        self._media("", "light")
        self._command("Emulation.clearDeviceMetricsOverride")
        self._driver.get("about:blank")

    def quit(self) -> None:
        self._driver.quit()

    def _media(self, media: str, scheme: str) -> None:
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self._command("Emulation.setEmulatedMedia", media=media, features=features)

    def _command(self, name: str, **arguments: object) -> Any:
        return self._driver.execute_cdp_cmd(name, arguments)

    def _log(self) -> tuple[list[str], list[str]]:
        """What was asked for and what was complained about since the last call."""
        asked = []
        for entry in self._driver.get_log("performance"):  # type: ignore[no-untyped-call]
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                asked.append(message["params"]["request"]["url"])
        said = self._driver.get_log("browser")  # type: ignore[no-untyped-call]
        return asked, [entry["message"] for entry in said]
