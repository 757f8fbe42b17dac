// Where people have been of late, as ribbons on the floor, and the way of the video's camera.
import {
  BufferGeometry,
  Color,
  DoubleSide,
  Float32BufferAttribute,
  Group,
  Line,
  LineBasicMaterial,
  Mesh,
  MeshBasicMaterial,
} from "../vendor/three/three.module.min.js";

const TRAIL_S = 10;
const MOST = 240; // places of a ribbon
const HALF_M = 0.06;
const ABOVE_M = 0.006; // the floor

/** Ribbons and a line, drawn only in the world. */
export class Trails {
  group = new Group();
  #timeline;
  #peek;
  #ribbons = new Map();
  #way;
  #shot = null;

  constructor(timeline, peek) {
    this.#timeline = timeline;
    this.#peek = peek;
    this.#way = new Line(new BufferGeometry(), new LineBasicMaterial({ fog: false }));
    this.#way.frustumCulled = false;
    this.group.add(this.#way);
    this.retheme();
  }

  /** Draw what led to a row, of one track or, with null, of all. */
  show(row, only) {
    const shots = this.#timeline.world.shots;
    const start = shots.filter((first) => first <= row).at(-1) ?? 0;
    this.#showWay(start, shots.find((first) => first > row) ?? Infinity);
    const span = Math.round(TRAIL_S * this.#timeline.fps);
    const step = Math.max(1, Math.ceil(span / MOST));
    const places = new Map();
    for (let at = row; at >= Math.max(start, row - span); at -= at % step || step) {
      for (const person of this.#peek(at)?.world?.people ?? []) {
        if (!places.has(person.track_id)) places.set(person.track_id, []);
        places.get(person.track_id).push([person.pelvis[0], person.pelvis[2]]);
      }
    }
    for (const track of this.#timeline.tracks) {
      const ribbon = this.#ribbon(track);
      const there = places.get(track.track_id) ?? [];
      ribbon.visible = there.length > 1 && (only === null || only === track.track_id);
      if (ribbon.visible) lay(ribbon.geometry, there);
    }
  }

  /** Whether a ribbon is drawn, for each track. */
  get shown() {
    return [...this.#ribbons].filter(([, ribbon]) => ribbon.visible).map(([trackId]) => trackId);
  }

  retheme() {
    const style = getComputedStyle(document.documentElement);
    this.#way.material.color = new Color(style.getPropertyValue("--soft").trim());
  }

  dispose() {
    for (const ribbon of this.#ribbons.values()) {
      ribbon.geometry.dispose();
      ribbon.material.dispose();
    }
    this.#way.geometry.dispose();
    this.#way.material.dispose();
  }

  #showWay(start, end) {
    if (this.#shot === start) return;
    this.#shot = start;
    const there = this.#timeline.world.camera.filter(([row]) => row >= start && row < end);
    this.#way.geometry.setAttribute("position", new Float32BufferAttribute(there.flatMap(([, ...place]) => place), 3));
  }

  #ribbon(track) {
    if (!this.#ribbons.has(track.track_id)) {
      const paint = new MeshBasicMaterial({ color: track.color, side: DoubleSide, transparent: true, opacity: 0.75, depthWrite: false, fog: false });
      const ribbon = new Mesh(new BufferGeometry(), paint);
      ribbon.frustumCulled = false;
      this.group.add(ribbon);
      this.#ribbons.set(track.track_id, ribbon);
    }
    return this.#ribbons.get(track.track_id);
  }
}

/** A flat strip through places (x, z), the newest first, that grows thin with age. */
function lay(geometry, places) {
  const points = [];
  const corners = [];
  places.forEach(([x, z], i) => {
    const [ax, az] = places[Math.max(0, i - 1)];
    const [bx, bz] = places[Math.min(places.length - 1, i + 1)];
    const length = Math.hypot(bx - ax, bz - az) || 1;
    const wide = HALF_M * (1 - (0.8 * i) / places.length);
    const [sx, sz] = [(-(bz - az) / length) * wide, ((bx - ax) / length) * wide];
    points.push(x + sx, ABOVE_M, z + sz, x - sx, ABOVE_M, z - sz);
    if (i) corners.push(2 * i - 2, 2 * i - 1, 2 * i, 2 * i, 2 * i - 1, 2 * i + 1);
  });
  geometry.setAttribute("position", new Float32BufferAttribute(points, 3));
  geometry.setIndex(corners);
}
