// The pane of the 3D view: the view itself, once it is loaded, and its buttons.
import { busy, h, say } from "./dom.js";

/** Sends "pick" with a track id, and "kind" when bodies became skeletons or the other way round. */
export class WorldPane extends EventTarget {
  #timeline;
  #chunks;
  #world = null;
  #kind = "body";
  #space;
  #only = null;
  #host = h("div", { class: "world" });
  #busy = busy("Building the 3D view…");
  #parts = {};

  constructor(timeline, chunks) {
    super();
    this.#timeline = timeline;
    this.#chunks = chunks;
    this.#space = timeline.world ? "world" : "camera";
    this.element = h("div", { class: "pane world-pane" }, this.#host, this.#tools(), h("p", { class: "fetching" }, "Fetching frames…"), this.#busy);
  }

  get kind() {
    return this.#kind;
  }

  /** Tracks whose trails are drawn. */
  get trails() {
    return this.#world?.trails ?? [];
  }

  /** Build the view of people with this body; tells in the pane what is wrong. */
  async open(body) {
    try {
      const { World } = await import("./world.js");
      if (!this.element.isConnected) return;
      this.#world = new World(this.#host, this.#timeline, await body, (row) => this.#chunks.peek(row));
    } catch (error) {
      this.#busy.hidden = true;
      this.#host.replaceChildren(h("p", { class: "pane-note", role: "alert" }, `The people cannot be shown in 3D: this browser may have WebGL switched off. (${error.message})`));
      this.element.querySelectorAll("button").forEach((button) => (button.disabled = true));
      return;
    }
    this.#world.space = this.#space;
    this.#world.kind = this.#kind;
    this.#world.only = this.#only;
    this.#world.addEventListener("pick", (event) => this.dispatchEvent(new CustomEvent("pick", { detail: event.detail })));
    this.#world.addEventListener("camera", () => this.#parts.camera.setAttribute("aria-pressed", this.#world.throughVideo));
  }

  /** A person who is new since the view was built. */
  know(track) {
    this.#world?.know(track);
  }

  close() {
    this.#world?.dispose();
    this.#world = null;
  }

  /** Show a frame; true if there is a view that shows it. */
  show(frame, row) {
    if (!this.#world) return false;
    this.#settle();
    this.#world.show(frame, row);
    this.#busy.hidden = true;
    return true;
  }

  set only(trackId) {
    this.#only = trackId;
    if (this.#world) this.#world.only = trackId;
  }

  setKind(kind) {
    this.#kind = kind;
    for (const [name, button] of Object.entries(this.#parts.kinds)) button.setAttribute("aria-pressed", String(name === kind));
    if (this.#world) this.#world.kind = kind;
    this.dispatchEvent(new Event("kind"));
  }

  nextKind() {
    this.setKind(this.#kind === "body" ? "skeleton" : "body");
  }

  throughCamera() {
    this.#world?.toggleVideo();
  }

  home() {
    this.#world?.home();
  }

  /** The world, or what the camera sees. */
  toggleSpace() {
    if (!this.#timeline.world) return;
    const inWorld = this.#space !== "world";
    this.#space = inWorld ? "world" : "camera";
    this.#parts.world.setAttribute("aria-pressed", String(inWorld));
    if (!this.#world) return;
    this.#world.space = this.#space;
    this.dispatchEvent(new Event("space"));
    say(inWorld ? "People are on one floor." : "People are as the camera sees them.");
  }

  #tools() {
    const parts = this.#parts;
    const button = (text, properties, action) => h("button", { type: "button", ...properties, onclick: action }, text);
    const kind = (name, text) => button(text, { "aria-pressed": String(name === this.#kind) }, () => this.setKind(name));
    parts.world = this.#timeline.world && button("World", { "aria-pressed": "true", title: "On one floor, or as the camera sees them (W)" }, () => this.toggleSpace());
    parts.kinds = { body: kind("body", "Bodies"), skeleton: kind("skeleton", "Skeletons") };
    parts.camera = button("Camera", { "aria-pressed": "false", title: "Look through the video's camera (C)" }, () => this.throughCamera());
    const home = button("Centre", { title: "Look at those who are shown (R)" }, () => this.home());
    return h(
      "div",
      { class: "tools", role: "group", "aria-label": "3D view" },
      h("span", { class: "segments", role: "group", "aria-label": "Shown as" }, parts.kinds.body, parts.kinds.skeleton),
      h("span", { class: "segments" }, ...(parts.world ? [parts.world] : []), parts.camera, home),
    );
  }

  /** Look at those who come first, wherever in the clip that is. */
  #settle() {
    const firsts = this.#timeline.tracks.map((track) => track.first);
    if (!firsts.length) return;
    const start = Math.min(...firsts);
    if (!this.#chunks.peek(start)) {
      this.#chunks.at(start);
      return;
    }
    const frames = [];
    const end = Math.min(this.#timeline.frames, start + this.#chunks.size);
    for (let row = start; row < end; row += 1) {
      const frame = this.#chunks.peek(row);
      if (frame) frames.push(frame);
    }
    this.#world.settle(frames);
  }
}
