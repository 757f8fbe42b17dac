// The people in 3D: poses them frame by frame, as bodies or skeletons, with a name above each head.
import { CircleGeometry, Mesh, MeshBasicMaterial, Vector3 } from "../vendor/three/three.module.min.js";
import { blot } from "./blot.js";
import { HEAD, Person } from "./body.js";
import { LABEL_M, SOLE_M, ends, lowest, near } from "./figures.js";
import { h, setText } from "./dom.js";
import { isGuess } from "./format.js";
import { Sticks } from "./skeleton.js";
import { Stage } from "./stage.js";
import { Trails } from "./trails.js";

const NEAR_PX = 40;

/** The 3D view. Sends "pick" with a track id, or null for the ground. */
export class World extends EventTarget {
  #stage;
  #people = new Map();
  #body;
  #tracks;
  #labels;
  #shadow;
  #kind = "body";
  #only = null;
  #settled = false;
  #down = null;
  #drawn = [];
  #space = "camera";
  #row = null;
  #spaces;
  #trails = null;

  /** "peek" gives the frame of a row, if it is here. */
  constructor(host, timeline, body, peek) {
    super();
    this.#body = body;
    const here = new Map(timeline.tracks.map((track) => [track.track_id, track]));
    const rests = new Map((timeline.world?.tracks ?? []).map((track) => [track.track_id, track.rest]));
    const there = [...here].filter(([id]) => rests.has(id)).map(([id, track]) => [id, { ...track, rest: rests.get(id) }]);
    this.#spaces = { camera: here, world: new Map(there) };
    this.#tracks = here;
    this.#labels = h("div", { class: "labels", "aria-hidden": "true" });
    this.#stage = new Stage(host, timeline, () => this.#placeLabels());
    if (timeline.world) {
      this.#trails = new Trails(timeline, peek);
      this.#stage.scene.add(this.#trails.group);
      document.addEventListener("themechange", this.#retheme);
    }
    this.#shadow = new MeshBasicMaterial({ map: blot(), transparent: true, depthWrite: false, fog: false });
    host.append(this.#labels);
    const canvas = Object.assign(this.#stage.canvas, { tabIndex: 0 });
    canvas.setAttribute("role", "application");
    canvas.setAttribute("aria-label", "The people in 3D. Arrows turn the view, plus and minus come closer and go away.");
    canvas.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || !this.#stage.key(event.key)) return;
      event.preventDefault();
      event.stopPropagation();
    });
    canvas.addEventListener("pointerdown", (event) => (this.#down = [event.clientX, event.clientY]));
    canvas.addEventListener("pointerup", (event) => this.#clicked(event));
    canvas.addEventListener("camerachange", () => this.dispatchEvent(new Event("camera")));
  }

  get throughVideo() {
    return this.#stage.throughVideo;
  }

  /** "body" or "skeleton". */
  set kind(kind) {
    this.#kind = kind;
    this.#reveal();
  }

  /** "world", on the floor, or "camera", before the camera. */
  set space(space) {
    if (space === this.#space) return;
    this.#space = space;
    this.#settled = false;
    this.#drawn = [];
    for (const figure of this.#people.values()) this.#remove(figure);
    this.#people.clear();
    this.#tracks = this.#spaces[space];
    if (space === "camera") this.#stage.place();
    this.#reveal();
  }

  /** A person who is new, or whose bones are known better now. */
  know(track) {
    const figure = this.#people.get(track.track_id);
    if (figure) this.#remove(figure);
    this.#people.delete(track.track_id);
    this.#spaces.camera.set(track.track_id, track);
  }

  /** Ids of the tracks whose way on the floor is drawn. */
  get trails() {
    return this.#trails?.group.visible ? this.#trails.shown : [];
  }

  /** Show one track alone; null for all. */
  set only(trackId) {
    this.#only = trackId;
    this.#reveal();
  }

  /** Look at those who are shown. */
  home() {
    const shown = [...this.#people.values()].filter(({ label }) => !label.hidden);
    this.#stage.home(shown.flatMap(({ sticks }) => ends(sticks)));
  }

  toggleVideo() {
    this.#stage.toggleVideo();
  }

  /** Show a frame of the results at a row. */
  show(frame, row) {
    this.#drawn = [];
    if (this.#space === "world") this.#stage.place(frame.world.camera);
    for (const person of this.#peopleOf(frame)) {
      const track = this.#tracks.get(person.track_id);
      if (!track || row < track.first || row > track.last) continue;
      const figure = this.#figure(track);
      figure.person.pose(person);
      figure.sticks.update();
      setText(figure.label, isGuess(person) ? `${person.track_id} ?` : String(person.track_id));
      const ground = this.#space === "world" ? 0.01 : lowest(figure.sticks) - SOLE_M;
      figure.shadow.position.set(person.pelvis[0], ground, person.pelvis[2]);
      this.#drawn.push(person.track_id);
    }
    this.#row = row;
    this.#reveal();
  }

  /** Those of a frame, in the world with what is said of them before the camera. */
  #peopleOf(frame) {
    if (this.#space === "camera") return frame.people;
    return (frame.world?.people ?? []).map((person) => ({ ...frame.people.find((p) => p.track_id === person.track_id), ...person }));
  }

  /** Find the ground from these frames, and look at those who are there first. */
  settle(frames) {
    if (this.#settled || !frames.some((frame) => this.#peopleOf(frame).length)) return;
    const lows = [];
    let first = null;
    frames.forEach((frame, i) => {
      if (first && i % 6) return;
      const there = [];
      for (const person of this.#peopleOf(frame)) {
        const track = this.#tracks.get(person.track_id);
        if (!track || person.state !== "observed") continue;
        const figure = this.#figure(track);
        figure.person.pose(person);
        figure.sticks.update();
        lows.push(lowest(figure.sticks));
        there.push({ away: Math.hypot(...person.pelvis), points: ends(figure.sticks) });
      }
      if (there.length) first ??= there;
    });
    if (!first) return;
    this.#settled = true;
    lows.sort((a, b) => a - b);
    const floor = this.#space === "world" ? 0 : lows[Math.floor(lows.length / 2)] - SOLE_M;
    this.#stage.settle(floor, this.#space === "world" ? first.flatMap((one) => one.points) : near(first));
  }

  dispose() {
    for (const figure of this.#people.values()) this.#remove(figure);
    this.#trails?.dispose();
    document.removeEventListener("themechange", this.#retheme);
    this.#shadow.map.dispose();
    this.#shadow.dispose();
    this.#stage.dispose();
    this.#labels.remove();
  }

  #retheme = () => this.#trails?.retheme();

  #remove({ person, sticks, shadow, label }) {
    this.#stage.scene.remove(person.group, sticks.group, shadow);
    person.dispose();
    sticks.dispose();
    shadow.geometry.dispose();
    label.remove();
  }

  #figure(track) {
    if (!this.#people.has(track.track_id)) {
      const person = new Person(track, this.#body);
      const sticks = new Sticks(person);
      const shadow = new Mesh(new CircleGeometry(0.48, 32), this.#shadow);
      shadow.rotation.x = -Math.PI / 2;
      const label = h("span", { class: "label" }, String(track.track_id));
      label.style.setProperty("--track", track.color);
      this.#labels.append(label);
      this.#stage.scene.add(person.group, sticks.group, shadow);
      this.#people.set(track.track_id, { person, sticks, shadow, label });
    }
    return this.#people.get(track.track_id);
  }

  #reveal() {
    for (const [trackId, figure] of this.#people) {
      const there = this.#drawn.includes(trackId) && (this.#only === null || this.#only === trackId);
      figure.person.group.visible = there && this.#kind === "body";
      figure.sticks.group.visible = there && this.#kind === "skeleton";
      figure.shadow.visible = there;
      figure.label.hidden = !there;
    }
    if (this.#trails) {
      this.#trails.group.visible = this.#space === "world" && this.#row !== null;
      if (this.#trails.group.visible) this.#trails.show(this.#row, this.#only);
    }
    this.#stage.draw();
  }

  /** Where a point of the scene is on the canvas, in pixels; null behind the camera. */
  #project(point) {
    const seen = point.clone().project(this.#stage.camera);
    const { clientWidth, clientHeight } = this.#stage.canvas;
    return seen.z > 1 ? null : [((seen.x + 1) / 2) * clientWidth, ((1 - seen.y) / 2) * clientHeight];
  }

  #placeLabels() {
    for (const { label, sticks } of this.#people.values()) {
      if (label.hidden) continue;
      const spot = this.#project(sticks.places[HEAD].clone().add(new Vector3(0, LABEL_M, 0)));
      label.style.visibility = spot ? "visible" : "hidden";
      if (spot) label.style.transform = `translate(${spot[0].toFixed(1)}px, ${spot[1].toFixed(1)}px) translate(-50%, -100%)`;
    }
  }

  #clicked(event) {
    const [x, y] = this.#down ?? [1e9, 1e9];
    if (Math.hypot(event.clientX - x, event.clientY - y) > 5) return; // the view was turned
    const box = this.#stage.canvas.getBoundingClientRect();
    let [best, nearest] = [null, NEAR_PX];
    for (const [trackId, { sticks, label }] of this.#people) {
      if (label.hidden) continue;
      for (const place of sticks.places) {
        const spot = this.#project(place);
        const away = spot ? Math.hypot(spot[0] + box.left - event.clientX, spot[1] + box.top - event.clientY) : 1e9;
        if (away < nearest) [best, nearest] = [trackId, away];
      }
    }
    if (best !== null) this.dispatchEvent(new CustomEvent("pick", { detail: best }));
  }
}
