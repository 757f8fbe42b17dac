// An opened clip that is done: the video, the people in 3D, the tracks, numbers and downloads.
import { getTimeline, listFiles } from "./api.js";
import { Charts } from "./charts.js";
import { Chunks } from "./chunks.js";
import { busy, h, icon, say, setText } from "./dom.js";
import { downloadsPanel } from "./downloads.js";
import { plain } from "./errors.js";
import { clock } from "./format.js";
import { listenForKeys, playerKeys } from "./keys.js";
import { PersonPanel } from "./person.js";
import { Player } from "./player.js";
import { Timeline } from "./timeline.js";
import { PAUSE, PLAY, transport } from "./transport.js";
import { VideoPane } from "./videopane.js";
import { WorldPane } from "./worldpane.js";
import { bodyOf } from "./worn.js";

const AGAIN_MS = 3000;
const OPENING = "Opening the clip… The first time the server prepares its people, which takes longer for a long clip.";

/**
 * Builds the view of a job and keeps it in step until it is closed. One that follows another one has
 * no keys and no buttons to play of its own. Sends "ready", "moved" when another moment is shown or
 * playing begins or ends, and "sought" with the seconds that were asked for in one that follows.
 */
export class Viewer extends EventTarget {
  element = h("div", { class: "viewer" });
  #job;
  #closed = false;
  #timeline;
  #files;
  #chunks;
  #player;
  #tracks;
  #person;
  #charts;
  #video;
  #world;
  #only = null;
  #parts = {};
  #unlisten = null;
  #follows;
  follower = null; // who does with the view what keys do with this one's
  isReady = false;

  constructor(job, { follows = false } = {}) {
    super();
    this.#job = job;
    this.#follows = follows;
    this.#open();
  }

  get player() {
    return this.#player;
  }

  /** Seconds of the clip that are shown. */
  get seconds() {
    return this.#chunks.timeOf(this.#player.row);
  }

  play(on) {
    if (on !== this.#player.playing) this.#toggle();
  }

  seekTo(seconds) {
    const row = this.#chunks.rowAt(seconds);
    if (row !== this.#player.row) this.#player.seek(row);
  }

  /** Do what a key does to the view. */
  press(key) {
    if (this.isReady) this.#viewKeys()[key]?.();
  }

  close() {
    this.#closed = true;
    this.#unlisten?.();
    this.#player?.close();
    this.#video?.close();
    this.#world?.close();
    this.#chunks?.close();
  }

  async #open() {
    const opening = busy(OPENING);
    const tell = (share) => share && setText(opening.lastChild, `${OPENING} ${Math.floor(100 * share)} %`);
    this.element.replaceChildren(h("div", { class: "panel" }, opening));
    try {
      const { id } = this.#job;
      const [timeline, files] = await Promise.all([getTimeline(id, tell), listFiles(id)]);
      this.#timeline = timeline;
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
    this.#charts = new Charts(this.#job.id, this.#timeline);
    this.#world = new WorldPane(this.#timeline, this.#chunks);
    this.#build();
    this.#wire();
    this.#chunks.at(0);
    this.#showRow();
    this.isReady = true;
    this.dispatchEvent(new Event("ready"));
    await Promise.all([this.#world.open(bodyOf()), this.#openOverlay()]);
    if (!this.#closed) this.#showRow();
  }

  #build() {
    const parts = this.#parts;
    const { files, clip } = this.#files;
    const overlay = files.find((file) => file.name === "overlay.mp4");
    this.#video = new VideoPane({ clip, overlay, timeline: this.#timeline, player: this.#player });
    const panes = h("div", { class: "panes" }, this.#video.element, this.#world.element);
    const { width, height } = this.#timeline;
    if (width && height) panes.style.setProperty("--aspect", Math.min(2, Math.max(0.8, width / height)));
    this.element.replaceChildren(
      panes,
      h("div", { class: this.#follows ? "follows" : null }, transport(parts, this.#player, () => this.#toggle())),
      this.#tracks.element,
      this.#charts.element,
      h("div", { class: "panels" }, this.#person.element, downloadsPanel(files, this.#job.id)),
    );
  }

  #wire() {
    this.#player.addEventListener("row", () => this.#showRow());
    this.#player.addEventListener("play", () => this.#showPlaying());
    for (const name of ["row", "play"]) this.#player.addEventListener(name, () => this.dispatchEvent(new Event("moved")));
    this.#tracks.addEventListener("seek", (event) => this.#seek(event.detail));
    this.#charts.addEventListener("seek", (event) => this.#seek(this.#chunks.rowAt(event.detail)));
    this.#tracks.addEventListener("solo", (event) => this.#solo(event.detail));
    this.#chunks.addEventListener("loaded", () => this.#showRow());
    this.#chunks.addEventListener("failed", (event) => this.#failed(event.detail));
    this.#video.addEventListener("toggle", () => this.#follows || this.#toggle());
    this.#video.addEventListener("mode", () => this.#showRow());
    this.#world.addEventListener("pick", (event) => this.#solo(this.#only === event.detail ? null : event.detail));
    this.#world.addEventListener("kind", () => (this.#video.kind = this.#world.kind));
    this.#world.addEventListener("space", () => this.#showRow());
    if (!this.#follows) this.#unlisten = listenForKeys(this.#keys());
    this.#showPlaying();
  }

  /** Draw over the clip; where this browser cannot, the clip is shown as it is. */
  async #openOverlay() {
    if (!this.#timeline.focal_px) return;
    try {
      const { Overlay } = await import("./overlay.js");
      const worn = await bodyOf();
      if (this.#closed) return;
      const overlay = new Overlay(this.#timeline, worn);
      overlay.kind = this.#world.kind;
      overlay.only = this.#only;
      this.#video.useOverlay(overlay);
    } catch {
      // the 3D view says what is wrong
    }
  }

  #keys() {
    const keys = playerKeys(this.#player, this.#timeline.fps, () => this.#toggle());
    keys[0] = keys.Escape = () => this.#solo(null);
    this.#timeline.tracks.slice(0, 9).forEach((track, i) => {
      keys[i + 1] = () => this.#solo(this.#only === track.track_id ? null : track.track_id);
    });
    for (const [key, action] of Object.entries(this.#viewKeys()))
      keys[key] = () => {
        action();
        this.follower?.press(key);
      };
    return keys;
  }

  #viewKeys() {
    return {
      b: () => this.#world.nextKind(),
      c: () => this.#world.throughCamera(),
      o: () => this.#video.nextMode(),
      w: () => this.#world.toggleSpace(),
      r: () => this.#world.home(),
    };
  }

  #seek(row) {
    this.#player.seek(row);
    if (this.#follows) this.dispatchEvent(new CustomEvent("sought", { detail: this.#chunks.timeOf(row) }));
  }

  async #toggle() {
    try {
      await this.#player.toggle();
    } catch {
      this.#video.fail();
    }
  }

  #solo(trackId) {
    if (trackId === this.#only) return;
    this.#only = trackId;
    this.#tracks.solo(trackId);
    this.#person.choose(trackId);
    this.#charts.choose(trackId);
    this.#world.only = trackId;
    this.#video.only = trackId;
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
    this.#charts.show(this.#player.seconds);
    this.element.dataset.row = row;
    if (this.#player.playing) this.#chunks.ahead(row, 1);
    this.element.classList.toggle("waiting", !frame && this.#timeline.frames > 0);
    if (!frame) return;
    this.#person.show(frame);
    this.#video.show(frame, row);
    if (!this.#world.show(frame, row)) return;
    this.element.dataset.shown = row;
    this.element.dataset.trails = this.#world.trails.join(" ");
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
