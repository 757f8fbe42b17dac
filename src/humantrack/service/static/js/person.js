// The numbers of the chosen person: of the whole track, and of the frame that is shown.
import { h, setText } from "./dom.js";
import { SOURCES, clock, frames, percent } from "./format.js";

const BODIES = {
  embedded: "the shipped body",
  smpl: "SMPL",
  estimated: "bones estimated from the joints",
};

const SURE = "Part of the joints that is expected to be within 100 mm of the true ones";

// Only where the results say how far joints are to be trusted.
const TRUST = [
  ["pose", "Pose"],
  ["sure", "Confidence"],
  ["parts", "Less sure"],
];

const NOW = [
  ["state", "Now"],
  ["score", "Score now"],
  ["away", "From the camera"],
  ["place", "Pelvis (x, y, z)"],
  ["box", "Box in the picture"],
];

/** A panel about one person, or a hint how to choose one. */
export class PersonPanel {
  #values = {};
  #timeline;
  #track = null;
  #onEverybody;
  #title = h("h2", {}, "Person");
  #body = h("div", { class: "person-body" });

  constructor(timeline, onEverybody) {
    this.#timeline = timeline;
    this.#onEverybody = onEverybody;
    this.element = h("section", { class: "panel person", "aria-label": "Chosen person" }, this.#title, this.#body);
    this.choose(null);
  }

  choose(trackId) {
    this.#track = this.#timeline.tracks.find((track) => track.track_id === trackId) ?? null;
    this.#values = {};
    const track = this.#track;
    this.element.style.setProperty("--track", track?.color ?? "transparent");
    this.element.classList.toggle("chosen", track !== null);
    if (!track) {
      setText(this.#title, "Nobody chosen");
      this.#body.replaceChildren(h("p", { class: "hint" }, "Click a person in 3D or in the tracks to see them alone, with their numbers."));
      return;
    }
    setText(this.#title, `Person ${trackId}`);
    const height = Math.max(...track.rest.map((joint) => joint[1])) - Math.min(...track.rest.map((joint) => joint[1]));
    const missed = track.gaps.reduce((sum, [a, b]) => sum + b - a + 1, 0);
    const whole = [
      ["There", `${this.#clock(track.first)} to ${this.#clock(track.last + 1)}, frames ${track.first} to ${track.last}`],
      ["Seen in", frames(track.seen)],
      ["Out of sight", track.gaps.length ? `${frames(missed)} in ${track.gaps.length} ${track.gaps.length === 1 ? "gap" : "gaps"}` : "never"],
      ["Mean score", track.mean_score === null ? "not known" : track.mean_score.toFixed(2)],
      ["Skeleton", `${BODIES[track.kind] ?? track.kind}, ${height.toFixed(2)} m from feet to head joint`],
    ];
    const rows = [...NOW, ...TRUST].map(([key, label]) => {
      this.#values[key] = h("dd", { class: "numbers" }, "–");
      return h("div", { title: key === "sure" ? SURE : undefined }, h("dt", {}, label), this.#values[key]);
    });
    this.#body.replaceChildren(
      h("dl", { class: "facts" }, ...rows, ...whole.map(([label, value]) => h("div", {}, h("dt", {}, label), h("dd", { class: "numbers" }, value)))),
      h("button", { type: "button", onclick: this.#onEverybody }, "Show everybody"),
    );
  }

  /** Tell about the frame that is shown. */
  show(frame) {
    if (!this.#track) return;
    const person = frame.people.find((other) => other.track_id === this.#track.track_id);
    const set = (key, text) => setText(this.#values[key], text);
    this.#showTrust(person, set);
    if (!person) {
      set("state", "not there");
      for (const key of ["score", "away", "place", "box"]) set(key, "–");
      return;
    }
    const seen = person.state === "observed";
    set("state", seen ? "seen" : "out of sight, last pose kept");
    set("score", seen && person.score !== null ? person.score.toFixed(2) : "–");
    set("away", `${Math.hypot(...person.pelvis).toFixed(2)} m`);
    set("place", `${person.pelvis.map((value) => value.toFixed(2)).join(", ")} m`);
    const [x, y, width, height] = (person.bbox ?? []).map(Math.round);
    set("box", person.bbox ? `${width} × ${height} px at ${x}, ${y}` : "–");
  }

  /** Where the pose comes from, and which parts of it are not seen. */
  #showTrust(person, set) {
    const known = person?.pose !== undefined;
    for (const [key] of TRUST) this.#values[key].parentElement.hidden = !known;
    if (!known) return;
    const guesses = person.parts.filter((part) => part.source !== "seen");
    set("pose", SOURCES[person.pose]);
    set("sure", percent(person.confidence));
    set("parts", guesses.map((part) => `${part.name} ${SOURCES[part.source]} (${percent(part.confidence)})`).join("; ") || "nothing");
  }

  #clock(row) {
    return clock(row / this.#timeline.fps, 1);
  }
}
