// The part of a clip, chosen on the clip itself: a strip of pictures with two handles.
import { h, setText } from "./dom.js";
import { clock } from "./format.js";

const PICTURES = 10;
const [WIDE, HIGH] = [96, 54];
const STEP_S = 0.01;

/** Seconds of a time as people write it ("90", "1m30s", "00:01:30"), or null. */
export function secondsOf(text) {
  if (/^\d+(\.\d+)?s?$/.test(text)) return parseFloat(text);
  const units = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?$/.exec(text);
  if (text && units) return 3600 * (units[1] ?? 0) + 60 * (units[2] ?? 0) + Number(units[3] ?? 0);
  const parts = /^(?:(\d+):)?(\d+):(\d+(?:\.\d+)?)$/.exec(text);
  return parts ? 3600 * (parts[1] ?? 0) + 60 * Number(parts[2]) + Number(parts[3]) : null;
}

/** Sends "change" when a handle is moved; `times` then is what was chosen. */
export class RangePicker extends EventTarget {
  #video = h("video", { class: "range-video", muted: true, playsinline: true, preload: "auto", tabindex: -1, "aria-hidden": "true" });
  #pictures;
  #strip = h("div", { class: "range-strip", "aria-hidden": "true" });
  #shades = [h("div", { class: "range-shade" }), h("div", { class: "range-shade end" })];
  #note = h("p", { class: "hint numbers", "aria-live": "polite" }, "Loading pictures of the clip…");
  #handles;
  #length = 0;
  #wanted = {};
  #closed = false;

  constructor(url) {
    super();
    const handle = (label) => h("input", { type: "range", min: 0, max: 1, step: STEP_S, "aria-label": label, disabled: true, oninput: (event) => this.#moved(event.target) });
    this.#handles = [handle("Start of the part"), handle("End of the part")];
    this.#video.muted = true;
    this.element = h("div", { class: "range" }, this.#video, h("div", { class: "range-track" }, this.#strip, ...this.#shades, ...this.#handles), this.#note);
    this.#pictures = Object.assign(document.createElement("video"), { muted: true, preload: "auto", src: url });
    this.#video.src = url;
    this.#video.addEventListener("loadedmetadata", () => this.#begin());
    this.#video.addEventListener("error", () => this.#fail());
    this.#pictures.addEventListener("loadeddata", () => this.#draw());
  }

  /** What was chosen: `start_time` and `end_time` in seconds, each undefined where it is the clip's own. */
  get times() {
    const [start, end] = this.#handles.map((handle) => Number(handle.value));
    return { start_time: start > 0 ? text(start) : undefined, end_time: end < this.#length - STEP_S ? text(end) : undefined };
  }

  /** Put the handles where a form says; times that cannot be read leave them. */
  set times({ start_time: start, end_time: end }) {
    this.#wanted = { start, end };
    if (!this.#length) return;
    const seconds = (value, usual) => (value === undefined || value === "" ? usual : (secondsOf(String(value)) ?? null));
    const places = [seconds(start, 0), seconds(end, this.#length)];
    places.forEach((place, i) => place !== null && (this.#handles[i].value = Math.min(place, this.#length)));
    this.#show();
  }

  close() {
    this.#closed = true;
    for (const video of [this.#video, this.#pictures]) {
      video.removeAttribute("src");
      video.load();
    }
  }

  #fail() {
    if (this.#closed) return;
    this.#video.hidden = this.#strip.parentElement.hidden = true;
    setText(this.#note, "This browser cannot show the clip; the part can be given as times below.");
  }

  #begin() {
    this.#length = Number.isFinite(this.#video.duration) ? this.#video.duration : 0;
    if (!this.#length) return this.#fail();
    for (const handle of this.#handles) {
      handle.max = this.#length;
      handle.disabled = false;
    }
    this.#handles[1].value = this.#length;
    this.times = { start_time: this.#wanted.start, end_time: this.#wanted.end };
  }

  async #draw() {
    const video = this.#pictures;
    const canvases = Array.from({ length: PICTURES }, () => Object.assign(document.createElement("canvas"), { width: WIDE, height: HIGH }));
    this.#strip.replaceChildren(...canvases);
    for (const [i, canvas] of canvases.entries()) {
      if (this.#closed) return;
      await new Promise((resolve) => {
        video.addEventListener("seeked", resolve, { once: true });
        video.addEventListener("error", resolve, { once: true });
        video.currentTime = ((i + 0.5) / PICTURES) * (video.duration || 0);
      });
      const scale = Math.max(WIDE / video.videoWidth, HIGH / video.videoHeight);
      const [width, height] = [scale * video.videoWidth, scale * video.videoHeight];
      canvas.getContext("2d").drawImage(video, (WIDE - width) / 2, (HIGH - height) / 2, width, height);
      this.element.dataset.pictures = i + 1;
    }
  }

  #moved(handle) {
    const [start, end] = this.#handles;
    if (Number(start.value) > Number(end.value) - STEP_S) {
      if (handle === start) start.value = Math.max(0, Number(end.value) - STEP_S);
      else end.value = Math.min(this.#length, Number(start.value) + STEP_S);
    }
    this.#video.currentTime = Math.min(Number(handle.value), this.#length - 1e-3);
    this.#show();
    this.dispatchEvent(new Event("change"));
  }

  #show() {
    const [start, end] = this.#handles.map((handle) => Number(handle.value));
    this.#shades[0].style.width = `${(100 * start) / this.#length}%`;
    this.#shades[1].style.width = `${100 - (100 * end) / this.#length}%`;
    this.#handles.forEach((handle) => handle.setAttribute("aria-valuetext", clock(Number(handle.value))));
    setText(this.#note, `${clock(start)} to ${clock(end)}, ${(end - start).toFixed(2)} s of ${this.#length.toFixed(2)} s`);
  }
}

const text = (seconds) => String(Math.round(1000 * seconds) / 1000);
