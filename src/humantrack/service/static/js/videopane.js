// The clip: as it was filmed, with the people drawn over it, or both beside a line that can be moved.
import { makeFile } from "./api.js";
import { busy, h, say, setText } from "./dom.js";

const MODES = { original: "Original", overlay: "Overlay", both: "Both" };
const SAID = {
  original: "The clip as it was filmed.",
  overlay: "The clip with the people drawn over it.",
  both: "As filmed on the left, with the people on the right.",
};

/**
 * The video and its switch. The clip itself is tried first, then the part of it that the server makes
 * playable, then the video in which the server drew the people. Sends "toggle" when it is clicked.
 */
export class VideoPane extends EventTarget {
  #player;
  #timeline;
  #sources;
  #overlay = null;
  #mode = "overlay";
  #video = h("video", { playsinline: true, preload: "auto", tabindex: -1 });
  #busy = busy("Loading the video…");
  #line = h("div", { class: "wipe-line", hidden: true });
  #wipe;
  #buttons = {};
  #tools;
  #closed = false;

  /** `clip` and `overlay` are what the server's list of files says of them, or nothing. */
  constructor({ clip, overlay, timeline, player }) {
    super();
    this.#player = player;
    this.#timeline = timeline;
    this.#sources = [
      ...(clip ? [{ url: clip.url, whole: true }, { url: clip.playable_url, make: true }] : []),
      ...(overlay ? [{ url: overlay.url, drawn: true }] : []),
    ];
    this.#wipe = h("input", { type: "range", class: "wipe", min: 0, max: 100, value: 50, hidden: true, "aria-label": "Where the people begin to be drawn", oninput: () => this.#cut() });
    for (const [mode, text] of Object.entries(MODES))
      this.#buttons[mode] = h("button", { type: "button", "aria-pressed": "false", title: `${SAID[mode]} (O)`, onclick: () => this.setMode(mode) }, text);
    this.#tools = h("div", { class: "tools", role: "group", "aria-label": "Video", hidden: true }, h("span", { class: "segments", role: "group", "aria-label": "Video shown" }, ...Object.values(this.#buttons)));
    this.element = h("div", { class: "pane video-pane" }, this.#video, this.#line, this.#wipe, this.#tools, this.#busy);
    this.#listen();
    this.#next();
  }

  /** Draw over the clip from now on. */
  useOverlay(overlay) {
    if (!this.#video.isConnected || this.#isDrawn) return overlay.dispose();
    this.#overlay = overlay;
    this.#video.after(overlay.element);
    this.setMode(this.#mode, false);
  }

  set kind(kind) {
    if (this.#overlay) this.#overlay.kind = kind;
  }

  set only(trackId) {
    if (this.#overlay) this.#overlay.only = trackId;
  }

  show(frame, row) {
    if (this.#overlay && this.#mode !== "original") this.#overlay.show(frame, row);
    this.element.dataset.drawn = this.#overlay && this.#mode !== "original" ? this.#overlay.drawn.join(" ") : "";
  }

  /** "original", "overlay" or "both". */
  setMode(mode, tell = true) {
    if (!this.#overlay) return;
    this.#mode = mode;
    for (const [name, button] of Object.entries(this.#buttons)) button.setAttribute("aria-pressed", String(name === mode));
    this.#tools.hidden = false;
    this.#overlay.element.hidden = mode === "original";
    this.#line.hidden = this.#wipe.hidden = mode !== "both";
    this.#cut();
    this.dispatchEvent(new Event("mode"));
    if (tell) say(SAID[mode]);
  }

  nextMode() {
    const names = Object.keys(MODES);
    this.setMode(names[(names.indexOf(this.#mode) + 1) % names.length]);
  }

  /** Tell that the video cannot be played. */
  fail() {
    this.#video.dispatchEvent(new Event("error"));
  }

  close() {
    this.#closed = true;
    this.#overlay?.dispose();
    this.#video.removeAttribute("src");
    this.#video.load();
  }

  get #isDrawn() {
    return !this.#sources.length || Boolean(this.#sources[0].drawn);
  }

  #cut() {
    const share = this.#mode === "both" ? Number(this.#wipe.value) : 0;
    this.#line.style.left = `${share}%`;
    this.#overlay.element.style.clipPath = share ? `inset(0 0 0 ${share}%)` : "";
    this.#wipe.setAttribute("aria-valuetext", `${share} % as filmed`);
  }

  #listen() {
    const video = this.#video;
    const ready = (on) => () => (this.#busy.hidden = on);
    for (const name of ["loadeddata", "canplay", "playing", "seeked"]) video.addEventListener(name, ready(true));
    for (const name of ["loadstart", "waiting"]) video.addEventListener(name, ready(false));
    video.addEventListener("click", () => this.dispatchEvent(new Event("toggle")));
    video.addEventListener("error", () => {
      if (this.#closed || !this.#sources.length) return;
      this.#sources.shift();
      this.#next();
    });
  }

  /** Play the next source that is left. */
  async #next() {
    const source = this.#sources[0];
    if (!source) return this.#giveUp();
    if (source.drawn) {
      this.#overlay?.dispose();
      this.#overlay = null;
      this.#tools.hidden = this.#line.hidden = this.#wipe.hidden = true;
    }
    this.#video.setAttribute("aria-label", source.drawn ? "The video with the people drawn in" : "The clip");
    this.#busy.hidden = false;
    if (source.make) {
      const said = "This browser cannot play the clip as it is, so the server makes it playable…";
      setText(this.#busy.lastChild, said);
      try {
        await makeFile(source.url, (share) => share && setText(this.#busy.lastChild, `${said} ${Math.floor(100 * share)} %`));
      } catch {
        if (!this.#closed) this.fail();
        return;
      }
      if (this.#closed) return;
      setText(this.#busy.lastChild, "Loading the video…");
    }
    this.#video.src = source.url;
    this.#player.useVideo(this.#video, Boolean(source.whole));
  }

  #giveUp() {
    const why = this.#video.hasAttribute("src") ? "This browser cannot play the video of this clip." : "The clip itself is not on the server any more. No video was drawn of this clip.";
    this.#player.dropVideo();
    this.#overlay?.dispose();
    this.#overlay = null;
    this.element.replaceChildren(h("p", { class: "pane-note" }, `${why} The people in 3D and the tracks work all the same.`));
  }
}
