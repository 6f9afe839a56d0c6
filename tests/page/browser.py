"""A headless Chromium that a test drives over a pipe, by its DevTools protocol: real clicks and keys, any width, light or
dark, and whatever the console said. One page at a time; not thread-safe."""

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
LIMIT_S = 60


class Browser:
    def __init__(self):
        self.profile = tempfile.TemporaryDirectory(prefix="edgetp-chromium-", ignore_cleanup_errors=True)
        to_browser, self.outgoing = os.pipe()
        self.incoming, from_browser = os.pipe()
        # Chromium reads from descriptor 3 and writes to 4.
        shell = f'exec "$0" "$@" 3<&{to_browser} 4>&{from_browser}'
        self.process = subprocess.Popen(
            ["bash", "-c", shell, CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
             "--disable-dev-shm-usage", f"--user-data-dir={self.profile.name}", "--remote-debugging-pipe", "about:blank"],
            pass_fds=(to_browser, from_browser), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_browser)
        os.close(from_browser)
        os.set_blocking(self.incoming, False)
        self.buffer = b""
        self.messages = 0
        self.session = None
        self.console = []  # what a page complained of
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.incoming)
        os.close(self.outgoing)
        self.profile.cleanup()

    def receive(self, deadline: float) -> dict:
        while b"\0" not in self.buffer:
            if time.monotonic() > deadline:
                raise TimeoutError("Chromium does not answer")
            try:
                piece = os.read(self.incoming, 1 << 20)
            except BlockingIOError:
                time.sleep(0.01)
                continue
            if not piece:
                raise ConnectionError("Chromium has ended")
            self.buffer += piece
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def note(self, message: dict):
        method, told = message.get("method"), message.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.console.append(json.dumps(told["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled" and told["type"] in ("error", "warning", "assert"):
            self.console.append(json.dumps(told["args"]))
        elif method == "Log.entryAdded":
            self.console.append(json.dumps(told["entry"]))

    def send(self, method: str, **params) -> dict:
        self.messages += 1
        request = {"id": self.messages, "method": method, "params": params}
        if self.session is not None and not method.startswith("Target."):
            request["sessionId"] = self.session
        os.write(self.outgoing, json.dumps(request).encode() + b"\0")
        deadline = time.monotonic() + LIMIT_S
        while True:
            message = self.receive(deadline)
            if message.get("id") == self.messages:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return message["result"]
            self.note(message)

    def evaluate(self, expression: str):
        """The value of an expression in the page; a promise is waited for."""
        result = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(json.dumps(result["exceptionDetails"]))
        return result["result"].get("value")

    def wait_for(self, expression: str):
        """Until the expression is true in the page, which may still be loading; returns its value."""
        deadline = time.monotonic() + LIMIT_S
        while time.monotonic() < deadline:
            with contextlib.suppress(RuntimeError):
                if value := self.evaluate(expression):
                    return value
            time.sleep(0.1)
        raise TimeoutError(f"{expression} did not become true; console: {self.console}; page: "
                           + str(self.evaluate("document.body.innerText"))[:2000])

    def look(self, width: int, height: int = 900, dark: bool = False):
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                  mobile=width < 600)
        self.send("Emulation.setEmulatedMedia",
                  features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def open(self, url: str):
        self.send("Page.navigate", url=url)

    def click(self, selector: str):
        """With the mouse, in the middle of the element."""
        box = self.evaluate(
            f"(() => {{ const node = document.querySelector({json.dumps(selector)}); node.scrollIntoView({{block: 'center'}});"
            " const box = node.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]; })()")
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1)

    def type(self, selector: str, text: str):
        self.click(selector)
        self.send("Input.insertText", text=text)

    def picture(self) -> bytes:
        """The whole page as PNG."""
        import base64

        return base64.b64decode(self.send("Page.captureScreenshot", format="png", captureBeyondViewport=True)["data"])
