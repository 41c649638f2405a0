"""A headless Chromium, told what to do by its own protocol."""

import base64
import fcntl
import itertools
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from patience import PATIENCE

NAMES = ("chromium-headless-shell", "chromium", "google-chrome")


def chromium() -> str | None:
    """Return the program; None if it is not installed."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def _high(descriptor: int) -> int:
    """Return a copy of a descriptor that is neither 3 nor 4, and close it."""
    found = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(descriptor)
    return found


class Browser:
    """A Chromium with one page.

    Args:
        program: From `chromium`.
    """

    def __init__(self, program: str) -> None:
        self._profile = tempfile.mkdtemp(prefix="chromium-")
        commands, self._commands = map(_high, os.pipe())
        events, told = map(_high, os.pipe())
        self._events = os.fdopen(events, "rb")
        self._ids = itertools.count(1)
        # It reads what to do from descriptor 3 and answers on 4.
        self._process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{commands} 4>&{told}', "bash", program, "--headless", "--no-sandbox",
             "--disable-gpu", "--remote-debugging-pipe", "--hide-scrollbars", f"--user-data-dir={self._profile}"],
            pass_fds=(commands, told),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(commands)
        os.close(told)
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._ask("Page.enable")

    _session = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait(PATIENCE)
        os.close(self._commands)
        self._events.close()
        shutil.rmtree(self._profile, ignore_errors=True)

    def go(self, url: str) -> None:
        """Load a page."""
        self._ask("Page.navigate", url=url)
        self._until("Page.loadEventFired")

    def click(self, selector: str) -> None:
        """Click on an element that leads to another page, and wait for that."""
        self.evaluate(f"document.querySelector({json.dumps(selector)}).click()")
        self._until("Page.loadEventFired")

    def enter(self, selector: str, text: str) -> None:
        """Write into a field."""
        self.evaluate(f"document.querySelector({json.dumps(selector)}).value = {json.dumps(text)}")

    def text(self) -> str:
        """Return the text that the page shows."""
        return str(self.evaluate("document.body.innerText"))

    def evaluate(self, expression: str) -> Any:
        found = self._ask("Runtime.evaluate", expression=expression)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def screenshot(self, path: Path, width: int, height: int) -> None:
        """Save what the page looks like, as PNG."""
        self._ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        path.write_bytes(base64.b64decode(self._ask("Page.captureScreenshot")["data"]))

    def _ask(self, method: str, **parameters: Any) -> Any:
        number = next(self._ids)
        message = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while True:
            found = self._read()
            if found.get("id") == number:
                assert "error" not in found, found
                return found["result"]

    def _until(self, event: str) -> None:
        while self._read().get("method") != event:
            pass

    def _read(self) -> Any:
        data = b""
        while not data.endswith(b"\0"):
            byte = self._events.read(1)
            assert byte, "Chromium has ended"
            data += byte
        return json.loads(data[:-1])
