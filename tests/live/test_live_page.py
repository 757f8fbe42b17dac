"""What a browser shows of the overlay, and what it keeps pages of other sites from."""

from __future__ import annotations

import contextlib
import functools
import http.server
import threading

import numpy as np
import pytest
from live_tools import TOKEN, listening, told
from page_tools import run_browser

from humantrack.access import OneToken
from humantrack.live.gate import Gate
from humantrack.live.mjpeg import MjpegOutput
from humantrack.live.websocket import WebSocketOutput

COLOUR = """() => {
  const image = document.images[0], canvas = document.createElement("canvas");
  canvas.width = image.naturalWidth; canvas.height = image.naturalHeight;
  const pencil = canvas.getContext("2d");
  pencil.drawImage(image, 0, 0);
  return [canvas.width, ...pencil.getImageData(5, 5, 1, 1).data.slice(0, 3)];
}"""
IMAGE = """(address) => new Promise((done) => {
  const image = new Image();
  image.onload = () => done("shown");
  image.onerror = () => done("refused");
  image.src = address;
})"""
SOCKET = """(address) => new Promise((done) => {
  const socket = new WebSocket(address);
  socket.onmessage = () => done("read");
  socket.onerror = () => done("refused");
})"""
FETCH = "(address) => fetch(address).then((it) => `read ${it.status}`, () => 'refused')"


def draw(frame, record):
    return np.full((40, 60, 3), frame.index, np.uint8)


@pytest.fixture(scope="module")
def browser():
    with run_browser() as running:
        yield running


@pytest.fixture
def elsewhere(tmp_path):
    """A page of another origin."""
    (tmp_path / "index.html").write_text("<!doctype html><title>elsewhere</title>")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    handler = functools.partial(Quiet, directory=str(tmp_path))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


@contextlib.contextmanager
def served(**gate):
    owners = OneToken(TOKEN, "test") if gate.pop("token", True) else None
    mjpeg = MjpegOutput(listening(), Gate(owners, **gate), draw)
    with mjpeg, WebSocketOutput(listening(), Gate(owners, **gate)) as ws:
        yield mjpeg, ws


def test_the_page_shows_the_newest_frame_and_keeps_the_last(browser):
    """Not the one before it, as browsers do that wait for more."""
    with served() as (mjpeg, _):
        page = browser.new_page()
        said = []
        page.on("console", lambda message: said.append(message.text))
        mjpeg.tell(told(10))
        page.goto(f"http://127.0.0.1:{mjpeg.port}/?token={TOKEN}", wait_until="commit")
        assert page.url == f"http://127.0.0.1:{mjpeg.port}/"  # the token is not in it
        for number in (10, 120, 230):
            mjpeg.tell(told(number))
            page.wait_for_function(
                f"() => {{ const [w, r] = ({COLOUR})(); return w === 60 && r === {number}; }}"
            )
    assert page.evaluate(COLOUR) == [60, 230, 230, 230]
    assert said == []
    page.close()


@pytest.mark.parametrize("token", [True, False])
def test_a_page_of_another_site_reads_nothing(browser, elsewhere, token):
    query = f"?token={TOKEN}" if token else ""
    with served(token=token) as (mjpeg, ws):
        context = browser.new_context()
        own = context.new_page()  # a session of the user's, whose cookie is not to be used
        own.goto(f"http://127.0.0.1:{mjpeg.port}/{query}", wait_until="commit")
        page = context.new_page()
        page.goto(elsewhere)
        pictures = f"http://127.0.0.1:{mjpeg.port}"
        assert page.evaluate(IMAGE, f"{pictures}/stream.mjpeg") == "refused"
        assert page.evaluate(FETCH, f"{pictures}/picture.jpg{query}") == "refused"
        assert page.evaluate(SOCKET, f"ws://127.0.0.1:{ws.port}/{query}") == "refused"
        context.close()


def test_a_page_that_is_allowed_reads(browser, elsewhere):
    with served(origins=[elsewhere]) as (mjpeg, ws):
        page = browser.new_page()
        page.goto(elsewhere)
        over = threading.Event()

        def tell():
            i = 0
            while not over.wait(0.02):
                i = min(i + 1, 250)
                mjpeg.tell(told(i))
                ws.tell(told(i))

        telling = threading.Thread(target=tell)
        telling.start()
        address = f"ws://127.0.0.1:{ws.port}/?token={TOKEN}"
        assert page.evaluate(SOCKET, address) == "read"
        pictures = f"http://127.0.0.1:{mjpeg.port}/picture.jpg?token={TOKEN}"
        assert page.evaluate(FETCH, pictures) == "read 200"
        over.set()
        telling.join()
        page.close()
