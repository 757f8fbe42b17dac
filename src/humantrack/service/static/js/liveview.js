// A source that is being recorded: its picture with the people drawn in, and the people in 3D.
import { jobPath, urlOf } from "./api.js";
import { busy, h, setText } from "./dom.js";
import { people } from "./format.js";
import { listenForKeys } from "./keys.js";
import { bodyOf } from "./worn.js";
import { WorldPane } from "./worldpane.js";

const AGAIN_MS = 2000;
const KEPT = 60; // frames that the 3D view may ask for
const SEEN_FIRST = 12; // frames with people before the view turns to them

/** The newest frames, as the 3D view asks for those of a clip. */
class NewestFrames {
  size = KEPT;
  #frames = new Map();
  #people = 0;

  add(row, frame) {
    this.#frames.set(row, frame);
    if (frame.people.length) this.#people += 1;
    if (this.#frames.size > KEPT) this.#frames.delete(this.#frames.keys().next().value);
  }

  peek(row) {
    return this.#people >= SEEN_FIRST ? (this.#frames.get(row) ?? null) : null;
  }

  at() {} // nothing older can be had
}

/** The view of a live job that runs; `data-shown` is the number of the frame that is shown in 3D. */
export class LiveView {
  #id;
  #closed = false;
  #picture = h("img", { class: "live-picture", alt: "What the source shows now, with the people drawn in" });
  #waiting = busy("Waiting for the first picture…");
  #facts = h("p", { class: "hint numbers live-facts" });
  #panes;
  #world = null;
  #timeline = null;
  #frames = new NewestFrames();
  #row = 0;
  #stream = null;
  #timer = null;
  #unlisten;

  constructor(job) {
    this.#id = job.id;
    this.#panes = h("div", { class: "panes" }, h("div", { class: "pane video-pane" }, this.#picture, this.#waiting));
    this.element = h("div", { class: "live-view" }, this.#panes, this.#facts);
    this.#picture.addEventListener("load", () => (this.#waiting.hidden = true));
    this.#picture.addEventListener("error", () => this.#later(() => this.#show()));
    this.#unlisten = listenForKeys({
      b: () => this.#world?.nextKind(),
      c: () => this.#world?.throughCamera(),
      r: () => this.#world?.home(),
    });
    this.#show();
    this.#listen();
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#unlisten();
    this.#stream?.close();
    this.#picture.removeAttribute("src"); // else the server goes on sending
    this.#world?.close();
  }

  #show() {
    this.#picture.src = urlOf(jobPath(this.#id, "/live/overlay.mjpg"));
  }

  #listen() {
    this.#stream?.close();
    this.#stream = new EventSource(urlOf(jobPath(this.#id, "/live/scene")));
    this.#stream.addEventListener("scene", (event) => this.#take(JSON.parse(event.data)));
    this.#stream.addEventListener("end", () => this.#stream.close());
    this.#stream.addEventListener("error", () => {
      this.#stream.close();
      this.#later(() => this.#listen());
    });
  }

  #later(again) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#closed || again(), AGAIN_MS);
  }

  /** Show a frame as soon as it comes. */
  #take(frame) {
    if (this.#closed) return;
    const row = (this.#row += 1);
    this.#timeline ?? this.#begin(frame);
    this.#know(frame.tracks, row);
    this.#frames.add(row, frame);
    this.#timeline.frames = row + 1;
    const delay = `${(Math.max(0, frame.delay_ms) / 1000).toFixed(1)} s after it was seen`;
    const skipped = frame.skipped ? `, ${frame.skipped} frames skipped so far` : "";
    setText(this.#facts, `Live · ${people(frame.people.length)} · ${delay}${skipped}`);
    if (this.#world.show(frame, row)) this.element.dataset.shown = frame.index;
    this.element.dataset.people = frame.people.map((person) => person.track_id).join(" ");
  }

  #begin({ width, height }) {
    this.#timeline = { tracks: [], frames: 0, width, height, focal_px: Math.hypot(width, height) };
    this.#world = new WorldPane(this.#timeline, this.#frames);
    this.#panes.append(this.#world.element);
    this.#panes.style.setProperty("--aspect", Math.min(2, Math.max(0.8, width / height)));
    this.#world.open(bodyOf());
  }

  /** People who are new, and those whose bones were measured again. */
  #know(tracks, row) {
    for (const track of tracks) {
      const known = this.#timeline.tracks.find((one) => one.track_id === track.track_id);
      if (known?.measured === track.measured) continue;
      const now = { ...track, first: known?.first ?? row, last: Infinity };
      this.#timeline.tracks = [...this.#timeline.tracks.filter((one) => one !== known), now];
      this.#world.know(now);
    }
  }
}
