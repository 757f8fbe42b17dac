// The tracks of a clip over time. A click shows one person alone; the pointer tells frame and score.
import { h, setText } from "./dom.js";
import { SOURCES, clock, percent } from "./format.js";

const TICKS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];
const MOST_TICKS = 7;

/** Rows of tracks under a scrubber. Sends "solo" with a track id or null, and "seek" with a row. */
export class Timeline extends EventTarget {
  #chunks;
  #count;
  #rows = new Map();
  #scrubber;
  #head = h("div", { class: "playhead" });
  #hair = h("div", { class: "hair", hidden: true });
  #tip = h("div", { class: "tip numbers", hidden: true, "aria-hidden": "true" });
  #hover = null;
  #only = null;

  constructor(timeline, chunks) {
    super();
    this.#chunks = chunks;
    this.#count = timeline.frames;
    this.#scrubber = h("input", {
      type: "range",
      class: "scrubber",
      min: 0,
      max: Math.max(0, timeline.frames - 1),
      step: 1,
      value: 0,
      "aria-label": "Place in the clip",
      oninput: () => this.dispatchEvent(new CustomEvent("seek", { detail: Number(this.#scrubber.value) })),
    });
    const lanes = timeline.tracks.map((track) => this.#row(track));
    this.element = h(
      "section",
      { class: "timeline", "aria-label": "Tracks" },
      h("div", { class: "scrub-row" }, this.#scrubber),
      h("div", { class: "tracks" }, h("div", { class: "lanes" }, h("ul", {}, ...lanes), h("div", { class: "over" }, this.#head, this.#hair, this.#tip))),
      h("div", { class: "axis numbers", "aria-hidden": "true" }, ...this.#ticks(timeline)),
    );
    if (!lanes.length) this.element.append(h("p", { class: "hint" }, "Nobody was found in this clip."));
    const tracks = this.element.querySelector(".tracks");
    tracks.addEventListener("pointermove", (event) => this.#hovered(event));
    tracks.addEventListener("pointerleave", () => this.#left());
    chunks.addEventListener("loaded", () => this.#hover && this.#tell());
  }

  /** Mark the row that is shown. */
  show(row, seconds, index) {
    this.#scrubber.value = row;
    this.#scrubber.setAttribute("aria-valuetext", `Frame ${index}, ${clock(seconds)}`);
    this.#head.style.left = `${this.#percent(row + 0.5)}%`;
  }

  /** Mark the person that is alone; null for nobody. */
  solo(trackId) {
    this.#only = trackId;
    for (const [id, row] of this.#rows) {
      row.button.setAttribute("aria-pressed", id === trackId);
      row.item.classList.toggle("dim", trackId !== null && id !== trackId);
    }
  }

  #percent(row) {
    return (100 * row) / Math.max(1, this.#count);
  }

  #row(track) {
    const ends = [...track.gaps.map(([a]) => a), track.last + 1];
    const starts = [track.first, ...track.gaps.map(([, b]) => b + 1)];
    const lane = h("span", { class: "lane" });
    const whole = h("span", { class: "whole" });
    this.#place(whole, track.first, track.last + 1);
    lane.append(whole);
    starts.forEach((start, i) => {
      const span = h("span", { class: "span" });
      this.#place(span, start, ends[i]);
      lane.append(span);
    });
    const gaps = track.gaps.length ? `, lost ${track.gaps.length === 1 ? "once" : `${track.gaps.length} times`}` : "";
    const button = h(
      "button",
      { type: "button", class: "track", "aria-pressed": "false", title: "Show this person alone" },
      h("span", { class: "who" }, h("span", { class: "swatch" }), `Person ${track.track_id}`),
      lane,
      h("span", { class: "sr" }, `, frames ${track.first} to ${track.last}${gaps}. Show alone.`),
    );
    const item = h("li", {}, button);
    item.style.setProperty("--track", track.color);
    button.addEventListener("click", () => {
      const next = this.#only === track.track_id ? null : track.track_id;
      this.dispatchEvent(new CustomEvent("solo", { detail: next }));
    });
    this.#rows.set(track.track_id, { item, button, lane, track });
    return item;
  }

  #place(element, start, stop) {
    element.style.left = `${this.#percent(start)}%`;
    element.style.width = `${this.#percent(stop - start)}%`;
  }

  #ticks(timeline) {
    const length = timeline.duration_s;
    const step = TICKS.find((seconds) => length / seconds <= MOST_TICKS) ?? length / MOST_TICKS;
    const ticks = [];
    for (let time = 0; time < length; time += step) {
      const tick = h("span", {}, clock(time, step < 1 ? 1 : 0));
      tick.style.left = `${(100 * time) / length}%`;
      ticks.push(tick);
    }
    return ticks;
  }

  #hovered(event) {
    const over = this.element.querySelector(".over").getBoundingClientRect();
    const share = (event.clientX - over.left) / over.width;
    const item = event.target.closest("li");
    if (share < 0 || share > 1 || !item) return this.#left();
    const row = Math.min(this.#count - 1, Math.floor(share * this.#count));
    const track = [...this.#rows.values()].find((other) => other.item === item).track;
    const rect = item.getBoundingClientRect();
    this.#hover = { row, track, share, top: rect.top - over.top, bottom: rect.bottom - over.top };
    this.#chunks.peek(row) || this.#later(row);
    this.#tell();
  }

  #timer = null;

  /** Fetch what is pointed at, unless the pointer is only passing. */
  #later(row) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#hover?.row === row && this.#chunks.at(row), 120);
  }

  #tell() {
    const { row, track, share, top } = this.#hover;
    const frame = this.#chunks.peek(row);
    const person = frame?.people.find((other) => other.track_id === track.track_id);
    let what = "…";
    if (row < track.first || row > track.last || (frame && !person)) what = "not there";
    else if (person) what = person.state === "observed" ? `score ${person.score?.toFixed(2) ?? "not known"}` : "out of sight";
    if (person?.pose && person.state === "observed") what += ` · pose ${SOURCES[person.pose]}, ${percent(person.confidence)} sure`;
    setText(this.#tip, `Person ${track.track_id} · frame ${frame?.index ?? row} · ${what}`);
    this.#hair.hidden = this.#tip.hidden = false;
    this.#hair.style.left = `${100 * share}%`;
    this.#tip.style.left = `${100 * share}%`;
    this.#tip.style.top = `${top}px`;
    this.#tip.classList.toggle("left", share > 0.5);
  }

  #left() {
    this.#hover = null;
    this.#hair.hidden = this.#tip.hidden = true;
  }
}
