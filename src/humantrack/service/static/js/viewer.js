// An opened clip that is done: the video, the people in 3D, the tracks, numbers and downloads.
import { getBody, getTimeline, listFiles } from "./api.js";
import { Chunks } from "./chunks.js";
import { h, icon, say, setText } from "./dom.js";
import { downloadsPanel } from "./downloads.js";
import { plain } from "./errors.js";
import { clock } from "./format.js";
import { listenForKeys } from "./keys.js";
import { PersonPanel } from "./person.js";
import { Player } from "./player.js";
import { Timeline } from "./timeline.js";
import { PAUSE, PLAY, transport } from "./transport.js";

const AGAIN_MS = 3000;

let body = null; // the same for every clip

/** Builds the view of a job and keeps it in step until it is closed. */
export class Viewer {
  element = h("div", { class: "viewer" });
  #job;
  #closed = false;
  #timeline;
  #files;
  #chunks;
  #player;
  #tracks;
  #person;
  #world = null;
  #kind = "body";
  #space = "camera";
  #only = null;
  #parts = {};
  #unlisten = null;

  constructor(job) {
    this.#job = job;
    this.#open();
  }

  close() {
    this.#closed = true;
    this.#unlisten?.();
    this.#player?.close();
    this.#world?.dispose();
    this.#chunks?.close();
  }

  async #open() {
    this.element.replaceChildren(h("p", { class: "hint", role: "status" }, "Opening the clip…"));
    try {
      const { id } = this.#job;
      const [timeline, { files }] = await Promise.all([getTimeline(id), listFiles(id)]);
      this.#timeline = timeline;
      this.#space = timeline.world ? "world" : "camera";
      this.#files = files;
    } catch (error) {
      const again = h("button", { type: "button", onclick: () => this.#open() }, "Try again");
      this.element.replaceChildren(h("div", { class: "panel", role: "alert" }, h("p", {}, plain(error)), h("div", { class: "row end" }, again)));
      return;
    }
    if (this.#closed) return;
    this.#chunks = new Chunks(this.#job.id, this.#timeline);
    this.#player = new Player(this.#chunks);
    this.#tracks = new Timeline(this.#timeline, this.#chunks);
    this.#person = new PersonPanel(this.#timeline, () => this.#solo(null));
    this.#build();
    this.#wire();
    this.#chunks.at(0);
    this.#showRow();
    await this.#openWorld();
  }

  #build() {
    const parts = this.#parts;
    const overlay = this.#files.find((file) => file.name === "overlay.mp4");
    parts.video = h("video", { src: overlay?.url, playsinline: true, preload: "auto", "aria-label": "The video with the people drawn in", tabindex: -1 });
    parts.videoPane = h("div", { class: "pane video-pane" }, parts.video);
    parts.worldHost = h("div", { class: "world" });
    parts.worldPane = h("div", { class: "pane world-pane" }, parts.worldHost, this.#worldTools());
    const panes = h("div", { class: "panes" }, parts.videoPane, parts.worldPane);
    const { width, height } = this.#timeline;
    if (width && height) panes.style.setProperty("--aspect", Math.min(2, Math.max(0.8, width / height)));
    this.element.replaceChildren(
      panes,
      transport(parts, this.#player, () => this.#toggle()),
      this.#tracks.element,
      h("div", { class: "panels" }, this.#person.element, downloadsPanel(this.#files)),
    );
  }

  #worldTools() {
    const parts = this.#parts;
    const kind = (name, text) =>
      h("button", { type: "button", "aria-pressed": String(name === this.#kind), onclick: () => this.#setKind(name) }, text);
    parts.world = this.#timeline.world && h("button", { type: "button", "aria-pressed": "true", title: "On one floor, or as the camera sees them (W)", onclick: () => this.#toggleSpace() }, "World");
    parts.kinds = { body: kind("body", "Bodies"), skeleton: kind("skeleton", "Skeletons") };
    parts.camera = h("button", { type: "button", "aria-pressed": "false", title: "Look through the video's camera (C)", onclick: () => this.#world?.toggleVideo() }, "Camera");
    const home = h("button", { type: "button", title: "Look at those who are shown (R)", onclick: () => this.#world?.home() }, "Centre");
    return h(
      "div",
      { class: "tools", role: "group", "aria-label": "3D view" },
      h("span", { class: "segments", role: "group", "aria-label": "Shown as" }, parts.kinds.body, parts.kinds.skeleton),
      h("span", { class: "segments" }, ...(parts.world ? [parts.world] : []), parts.camera, home),
    );
  }

  #wire() {
    const { video, videoPane } = this.#parts;
    const without = (why) => {
      this.#player.dropVideo();
      videoPane.replaceChildren(h("p", { class: "pane-note" }, `${why} The people in 3D and the tracks work all the same.`));
    };
    if (video.hasAttribute("src")) {
      this.#player.useVideo(video);
      video.addEventListener("click", () => this.#toggle());
      video.addEventListener("error", () => without("This browser cannot play the video of this clip."));
    } else without("No video was drawn of this clip.");
    this.#player.addEventListener("row", () => this.#showRow());
    this.#player.addEventListener("play", () => this.#showPlaying());
    this.#tracks.addEventListener("seek", (event) => this.#player.seek(event.detail));
    this.#tracks.addEventListener("solo", (event) => this.#solo(event.detail));
    this.#chunks.addEventListener("loaded", () => this.#showRow());
    this.#chunks.addEventListener("failed", (event) => this.#failed(event.detail));
    this.#unlisten = listenForKeys(this.#keys());
    this.#showPlaying();
  }

  #keys() {
    const player = this.#player;
    const second = Math.max(1, Math.round(this.#timeline.fps));
    const keys = {
      " ": () => this.#toggle(),
      k: () => this.#toggle(),
      ArrowLeft: () => player.step(-1),
      ArrowRight: () => player.step(1),
      "Shift+ArrowLeft": () => player.step(-second),
      "Shift+ArrowRight": () => player.step(second),
      Home: () => player.seek(0),
      End: () => player.seek(player.count - 1),
      b: () => this.#setKind(this.#kind === "body" ? "skeleton" : "body"),
      c: () => this.#world?.toggleVideo(),
      w: () => this.#timeline.world && this.#toggleSpace(),
      r: () => this.#world?.home(),
      0: () => this.#solo(null),
      Escape: () => this.#solo(null),
    };
    this.#timeline.tracks.slice(0, 9).forEach((track, i) => {
      keys[i + 1] = () => this.#solo(this.#only === track.track_id ? null : track.track_id);
    });
    return keys;
  }

  async #openWorld() {
    const { worldHost, worldPane } = this.#parts;
    try {
      const [{ World }, { readBody }] = await Promise.all([import("./world.js"), import("./body.js")]);
      body ??= readBody(await getBody());
      if (this.#closed) return;
      this.#world = new World(worldHost, this.#timeline, body, (row) => this.#chunks.peek(row));
      this.#world.space = this.#space;
    } catch (error) {
      worldHost.replaceChildren(h("p", { class: "pane-note", role: "alert" }, `The people cannot be shown in 3D: this browser may have WebGL switched off. (${error.message})`));
      worldPane.querySelectorAll("button").forEach((button) => (button.disabled = true));
      return;
    }
    this.#world.addEventListener("pick", (event) => this.#solo(this.#only === event.detail ? null : event.detail));
    this.#world.addEventListener("camera", () => this.#parts.camera.setAttribute("aria-pressed", this.#world.throughVideo));
    this.#showRow();
  }

  async #toggle() {
    try {
      await this.#player.toggle();
    } catch {
      this.#parts.video.dispatchEvent(new Event("error"));
    }
  }

  #setKind(kind) {
    this.#kind = kind;
    for (const [name, button] of Object.entries(this.#parts.kinds)) button.setAttribute("aria-pressed", name === kind);
    if (this.#world) this.#world.kind = kind;
  }

  /** The world, or what the camera sees. */
  #toggleSpace() {
    const inWorld = this.#space !== "world";
    this.#space = inWorld ? "world" : "camera";
    this.#parts.world.setAttribute("aria-pressed", String(inWorld));
    if (!this.#world) return;
    this.#world.space = this.#space;
    this.#showRow();
    say(inWorld ? "People are on one floor." : "People are as the camera sees them.");
  }

  #solo(trackId) {
    if (trackId === this.#only) return;
    this.#only = trackId;
    this.#tracks.solo(trackId);
    this.#person.choose(trackId);
    if (this.#world) this.#world.only = trackId;
    say(trackId === null ? "Everybody is shown." : `Person ${trackId} is shown alone.`);
    this.#showRow();
  }

  /** Bring everything to the row of the player, as far as its frame is here. */
  #showRow() {
    const row = this.#player.row;
    const frame = this.#chunks.at(row);
    const index = frame?.index ?? row;
    this.#tracks.show(row, this.#player.seconds, index);
    setText(this.#parts.place, `${clock(this.#player.seconds)} · frame ${index} of ${this.#timeline.frames}`);
    this.element.dataset.row = row;
    if (this.#player.playing) this.#chunks.ahead(row, 1);
    this.element.classList.toggle("waiting", !frame && this.#timeline.frames > 0);
    if (!frame) return;
    this.#person.show(frame);
    if (!this.#world) return;
    this.#settle();
    this.#world.show(frame, row);
    this.element.dataset.shown = row;
    this.element.dataset.trails = this.#world.trails.join(" ");
  }

  #settle() {
    const frames = [];
    for (let row = 0; row < Math.min(this.#timeline.frames, this.#chunks.size); row += 1) {
      const frame = this.#chunks.peek(row);
      if (frame) frames.push(frame);
    }
    if (frames.length) this.#world.settle(frames);
  }

  #showPlaying() {
    const { play } = this.#parts;
    const label = this.#player.playing ? "Pause" : "Play";
    play.replaceChildren(icon(this.#player.playing ? PAUSE : PLAY));
    play.setAttribute("aria-label", label);
    play.title = `${label} (Space)`;
  }

  #failed(error) {
    this.#player.pause();
    say(plain(error));
    setText(this.#parts.place, "These frames could not be fetched; they are asked for again.");
    setTimeout(() => this.#closed || this.#showRow(), AGAIN_MS);
  }
}
