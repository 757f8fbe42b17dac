// The people drawn over the clip itself, where its camera saw them.
import { DirectionalLight, HemisphereLight, PerspectiveCamera, Scene, WebGLRenderer } from "../vendor/three/three.module.min.js";
import { Person } from "./body.js";
import { videoFov } from "./cone.js";
import { h } from "./dom.js";
import { Sticks } from "./skeleton.js";

/** A canvas over a video. Draws when it is shown another frame, or told to draw otherwise. */
export class Overlay {
  element = h("div", { class: "overlay", "aria-hidden": "true" });
  #scene = new Scene();
  #camera = new PerspectiveCamera(40, 1, 0.05, 300);
  #renderer = new WebGLRenderer({ alpha: true, antialias: true, powerPreference: "low-power" });
  #timeline;
  #body;
  #tracks;
  #people = new Map();
  #frame = null;
  #row = 0;
  #kind = "body";
  #only = null;
  #observer;

  constructor(timeline, body) {
    this.#timeline = timeline;
    this.#body = body;
    this.#tracks = new Map(timeline.tracks.map((track) => [track.track_id, track]));
    this.#scene.add(new HemisphereLight(0xffffff, 0x8a8f98, 2.2));
    const sun = new DirectionalLight(0xffffff, 1.7);
    sun.position.set(3, 6, 4);
    this.#scene.add(sun);
    this.#renderer.setPixelRatio(Math.min(devicePixelRatio, 2));
    this.#renderer.setClearAlpha(0);
    this.element.append(this.#renderer.domElement);
    this.#observer = new ResizeObserver(() => this.#fit());
    this.#observer.observe(this.element);
  }

  set kind(kind) {
    this.#kind = kind;
    this.#draw();
  }

  set only(trackId) {
    this.#only = trackId;
    this.#draw();
  }

  /** Ids of those who are drawn. */
  get drawn() {
    return this.#there().map((person) => person.track_id);
  }

  show(frame, row) {
    if (frame === this.#frame && row === this.#row) return;
    this.#frame = frame;
    this.#row = row;
    this.#draw();
  }

  dispose() {
    this.#observer.disconnect();
    for (const { person, sticks } of this.#people.values()) {
      person.dispose();
      sticks.dispose();
    }
    this.#renderer.dispose();
    this.#renderer.forceContextLoss();
    this.element.remove();
  }

  #there() {
    return (this.#frame?.people ?? []).filter(({ track_id: id }) => {
      const track = this.#tracks.get(id);
      return track && this.#row >= track.first && this.#row <= track.last && (this.#only === null || this.#only === id);
    });
  }

  #figure(id) {
    if (!this.#people.has(id)) {
      const person = new Person(this.#tracks.get(id), this.#body);
      const sticks = new Sticks(person);
      this.#scene.add(person.group, sticks.group);
      this.#people.set(id, { person, sticks });
    }
    return this.#people.get(id);
  }

  #draw() {
    for (const { person, sticks } of this.#people.values()) person.group.visible = sticks.group.visible = false;
    for (const one of this.#there()) {
      const { person, sticks } = this.#figure(one.track_id);
      person.pose(one);
      sticks.update();
      person.group.visible = this.#kind === "body";
      sticks.group.visible = this.#kind === "skeleton";
    }
    this.#renderer.render(this.#scene, this.#camera);
  }

  #fit() {
    const { clientWidth: width, clientHeight: height } = this.element;
    if (!width || !height) return;
    this.#renderer.setSize(width, height, false);
    this.#camera.aspect = width / height;
    this.#camera.fov = videoFov(this.#timeline, this.#timeline.focal_px, width / height);
    this.#camera.updateProjectionMatrix();
    this.#draw();
  }
}
