"""A browser without a window, steered through its pipe: what a reader of a page would press, and what is seen then."""

import base64
import itertools
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

PROGRAM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
"""The browser, if one is installed."""
OPTIONS = (
    "--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --hide-scrollbars --no-first-run --mute-audio "
    "--disable-background-networking --disable-component-update --disable-sync --remote-debugging-pipe"
).split()
KEYS = {"ArrowDown": 40, "ArrowUp": 38, "ArrowLeft": 37, "ArrowRight": 39, "Enter": 13, "Escape": 27, "End": 35}
"""Keys and the numbers that browsers know them by."""


class Browser:
    """A browser with one page."""

    def __init__(self, folder: Path, width: int = 1280, height: int = 900) -> None:
        """Start the browser, which keeps its files in the folder and saves what it downloads there, too."""
        read_end, commands = os.pipe()
        answers, write_end = os.pipe()
        # The browser reads from file 3 and writes to file 4.
        shell = f'exec "$@" 3<&{read_end} 4>&{write_end}'
        command = ["bash", "-c", shell, "bash", PROGRAM, *OPTIONS, f"--user-data-dir={folder}/profile", "about:blank"]
        self.process = subprocess.Popen(command, pass_fds=(read_end, write_end), stderr=subprocess.DEVNULL)
        os.close(read_end)
        os.close(write_end)
        self.commands, self.answers = os.fdopen(commands, "wb"), os.fdopen(answers, "rb")
        self.numbers, self.session, self.rest = itertools.count(1), "", b""
        self.errors: list[str] = []
        target = self.call("Target.getTargets")["targetInfos"][0]["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setFocusEmulationEnabled", enabled=True)
        self.resize(width, height)
        self.call("Page.setDownloadBehavior", behavior="allow", downloadPath=str(folder))

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the browser's protocol and return its result."""
        number = next(self.numbers)
        message = {"id": number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        self.commands.write(json.dumps(message).encode() + b"\0")
        self.commands.flush()
        while (answer := self._next()).get("id") != number:
            self._note(answer)
        assert "error" not in answer, answer
        return answer["result"]

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self.rest:
            part = os.read(self.answers.fileno(), 1 << 20)
            assert part, "the browser has ended"
            self.rest += part
        message, _, self.rest = self.rest.partition(b"\0")
        return json.loads(message)

    def _note(self, event: dict[str, Any]) -> None:
        """Keep what a page should not do: fail, or ask the network for anything."""
        method, parameters = event.get("method"), event.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.errors.append(str(parameters["exceptionDetails"].get("exception", parameters)))
        elif method == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            self.errors.append(str(parameters["entry"]))
        elif method == "Network.requestWillBeSent" and parameters["request"]["url"].startswith("http"):
            self.errors.append(parameters["request"]["url"])

    def open(self, page: Path) -> None:
        """Open a file and wait until its scripts have run."""
        self.call("Page.navigate", url=page.resolve().as_uri())
        self.run("new Promise(done => document.readyState === 'complete' ? done() : addEventListener('load', done))")
        self.settle()

    def run(self, expression: str) -> Any:
        """Return the value of an expression of JavaScript; a promise is waited for."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def settle(self) -> None:
        """Wait until the page has been drawn."""
        self.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done())))")

    def resize(self, width: int, height: int, phone: bool = False) -> None:
        """Give the page a size in pixels."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)

    def middle_of(self, selector: str) -> tuple[float, float]:
        """Scroll to an element and return the middle of what is seen of it."""
        x, y = self.run(
            f"(() => {{const e = document.querySelector({selector!r}); e.scrollIntoView({{block: 'center'}});"
            "const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]})()"
        )
        return x, y

    def click(self, selector: str) -> None:
        """Click on an element with the mouse."""
        self.drag(selector, 0, 0)

    def drag(self, selector: str, right: float, down: float) -> None:
        """Press the mouse on an element, move it by so many pixels, and let it go."""
        x, y = self.middle_of(selector)
        pressed = {"button": "left", "buttons": 1, "clickCount": 1}
        self.call("Input.dispatchMouseEvent", type="mousePressed", x=x, y=y, **pressed)
        if right or down:
            self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x + right, y=y + down, **pressed)
        self.call("Input.dispatchMouseEvent", type="mouseReleased", x=x + right, y=y + down, **pressed)
        self.settle()

    def press(self, key: str) -> None:
        """Press a key."""
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=KEYS.get(key, 0))
        self.settle()

    def type(self, selector: str, text: str) -> None:
        """Type text into a field in place of what is in it."""
        self.click(selector)
        self.run(f"document.querySelector({selector!r}).select()")
        if text:
            self.call("Input.insertText", text=text)
        else:
            self.call("Input.dispatchKeyEvent", type="keyDown", key="Delete", windowsVirtualKeyCode=46)
        self.settle()

    def choose(self, selector: str, value: str) -> None:
        """Choose an entry of a list."""
        self.run(
            f"(() => {{const e = document.querySelector({selector!r}); e.value = {value!r};"
            "e.dispatchEvent(new Event('input', {bubbles: true}))})()"
        )
        self.settle()

    def picture(self, path: Path, whole: bool = False) -> None:
        """Save what is seen, or the whole page, as a PNG file."""
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))

    def close(self) -> None:
        """End the browser."""
        self.session = ""
        self.call("Browser.close")
        self.commands.close()
        self.answers.close()
        self.process.wait(20)
