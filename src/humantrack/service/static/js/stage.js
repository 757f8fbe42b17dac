// Light, ground and cameras of the 3D view: everything in it but the people.
import {
  Box3,
  Color,
  DirectionalLight,
  Fog,
  GridHelper,
  HemisphereLight,
  PerspectiveCamera,
  Quaternion,
  Scene,
  Vector3,
  WebGLRenderer,
} from "../vendor/three/three.module.min.js";
import { OrbitControls } from "../vendor/three/OrbitControls.js";
import { makeCone, videoFov } from "./cone.js";

const GRID_M = 40;
const STEP = Math.PI / 24;
const AWAY = new Vector3(0.4, 0.34, 1).normalize(); // from the people to where they are seen from
const FILL = 0.94; // of the view that people may fill at first
const [TOP_PX, BOTTOM_PX] = [26, 48]; // strips for labels, and for the tools that cover the view

const middle = (points) => new Box3().setFromPoints(points).getCenter(new Vector3());

/** A scene that draws itself when something has changed. */
export class Stage {
  scene = new Scene();
  #camera = new PerspectiveCamera(40, 1, 0.05, 300);
  #renderer;
  #controls;
  #grid = null;
  #cone;
  #timeline;
  #throughVideo = false;
  #asked = false;
  #isHome = false; // nobody has turned the view since
  #observer;
  #afterDraw;
  #eye = { place: new Vector3(), turn: new Quaternion(), focal: null }; // the video's camera
  #home = { target: new Vector3(0, 0, -5), points: [] };

  constructor(host, timeline, afterDraw) {
    this.#timeline = timeline;
    this.#afterDraw = afterDraw;
    this.#renderer = new WebGLRenderer({ antialias: true, powerPreference: "low-power" });
    this.#renderer.setPixelRatio(Math.min(devicePixelRatio, 2));
    this.canvas = this.#renderer.domElement;
    host.append(this.canvas);
    this.#controls = new OrbitControls(this.#camera, this.canvas);
    this.canvas.style.touchAction = "pan-y"; // a finger that goes up or down scrolls the page
    this.#controls.enableDamping = false;
    this.#controls.maxDistance = 80;
    this.#controls.minDistance = 0.5;
    this.#controls.addEventListener("change", () => this.draw());
    this.#controls.addEventListener("start", () => this.#leaveVideo());
    this.scene.add(new HemisphereLight(0xffffff, 0x8a8f98, 2.2));
    const sun = new DirectionalLight(0xffffff, 1.7);
    sun.position.set(3, 6, 4);
    this.scene.add(sun);
    this.#cone = makeCone(timeline);
    this.scene.add(this.#cone);
    this.#observer = new ResizeObserver(() => this.#fit(host));
    this.#observer.observe(host);
    document.addEventListener("themechange", this.#retheme);
    this.floor = -1;
    this.#retheme();
  }

  get camera() {
    return this.#camera;
  }

  get throughVideo() {
    return this.#throughVideo;
  }

  /** Put the ground at a height and look at what stands there. */
  settle(floor, points) {
    this.floor = floor;
    this.#home = { target: middle(points), points };
    this.#retheme();
    this.home();
  }

  /** Look at these points, a little from above; without any, at those of before. */
  home(points = []) {
    if (points.length) this.#home = { target: middle(points), points };
    this.#setVideo(false);
    this.#isHome = this.#home.points.length > 0;
    const { target, away } = this.#framed();
    this.#controls.target.copy(target);
    this.#camera.position.copy(target).addScaledVector(AWAY, away);
    this.#controls.update();
    this.draw();
  }

  /** What to look at, and from how far, along -AWAY, so that all points fill the view. */
  #framed() {
    const right = new Vector3(0, 1, 0).cross(AWAY).normalize();
    const up = AWAY.clone().cross(right);
    const high = Math.tan((this.#camera.fov * Math.PI) / 360);
    const wide = high * this.#camera.aspect * FILL * 0.9; // shoulders and arms are wider than the points
    const height = Math.max(200, this.canvas.clientHeight);
    const tall = high * (FILL - (TOP_PX + BOTTOM_PX) / height);
    const target = this.#home.target.clone();
    const arm = new Vector3();
    const seen = () =>
      this.#home.points.map((point) => {
        arm.subVectors(point, target);
        return [arm.dot(right), arm.dot(up), arm.dot(AWAY)];
      });
    const need = ([x, y, z]) => z + Math.max(Math.abs(x) / wide, Math.abs(y) / tall);
    let away = Math.max(2, ...seen().map(need));
    for (let round = 0; round < 4 && this.#home.points.length; round += 1) {
      const slopes = seen().map(([x, y, z]) => [x / (away - z), y / (away - z)]);
      const middleOf = (axis) => {
        const values = slopes.map((slope) => slope[axis]);
        return (away * (Math.min(...values) + Math.max(...values))) / 2;
      };
      target.addScaledVector(right, middleOf(0)).addScaledVector(up, middleOf(1));
      away = Math.max(2, ...seen().map(need));
    }
    target.addScaledVector(up, ((TOP_PX - BOTTOM_PX) / height) * high * away);
    return { target, away };
  }

  /** Look through the video's camera, which covers the picture, or come back from it. */
  toggleVideo() {
    if (this.#throughVideo) return this.home();
    this.#isHome = false;
    this.#setVideo(true);
    this.#look();
  }

  /** Where the video's camera is: metres, a quaternion (w first), pixels; without, at the origin. */
  place({ position = [0, 0, 0], rotation = [1, 0, 0, 0], focal_px: focal = this.#timeline.focal_px } = {}) {
    const [w, x, y, z] = rotation;
    this.#eye.place.fromArray(position);
    this.#eye.turn.set(x, y, z, w).normalize();
    this.#eye.focal = focal;
    this.#cone.position.copy(this.#eye.place);
    this.#cone.quaternion.copy(this.#eye.turn);
    const wide = focal ? this.#timeline.focal_px / focal : 1;
    this.#cone.scale.set(wide, wide, 1);
    if (this.#throughVideo) this.#look();
  }

  #look() {
    const { place, turn } = this.#eye;
    const ahead = new Vector3(0, 0, -Math.max(1, place.distanceTo(this.#home.target))).applyQuaternion(turn);
    this.#camera.position.copy(place);
    this.#camera.quaternion.copy(turn);
    this.#controls.target.copy(place).add(ahead);
    this.#setLens();
    this.draw();
  }

  /** Turn about the people, or come closer, by keys. */
  key(name) {
    const turns = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
    const zooms = { "+": 0.88, "=": 0.88, "-": 1.14, "−": 1.14 };
    if (!turns[name] && !zooms[name]) return false;
    this.#leaveVideo();
    const arm = this.#camera.position.clone().sub(this.#controls.target);
    if (zooms[name]) arm.multiplyScalar(zooms[name]);
    else {
      const [about, over] = turns[name];
      arm.applyAxisAngle(new Vector3(0, 1, 0), about);
      const side = new Vector3(0, 1, 0).cross(arm).normalize();
      const angle = arm.angleTo(new Vector3(0, 1, 0)) + over;
      if (angle > 0.05 && angle < 1.6) arm.applyAxisAngle(side, over);
    }
    this.#camera.position.copy(this.#controls.target).add(arm);
    this.#controls.update();
    this.draw();
    return true;
  }

  /** Draw before the next repaint, once however often it is asked for. */
  draw() {
    if (this.#asked) return;
    this.#asked = true;
    requestAnimationFrame(() => {
      this.#asked = false;
      if (!this.#renderer) return;
      this.#renderer.render(this.scene, this.#camera);
      this.#afterDraw();
    });
  }

  dispose() {
    this.#observer.disconnect();
    document.removeEventListener("themechange", this.#retheme);
    this.#controls.dispose();
    this.#renderer.dispose();
    this.#renderer.forceContextLoss();
    this.#renderer = null;
  }

  #fit(host) {
    const { clientWidth: width, clientHeight: height } = host;
    if (!width || !height || !this.#renderer) return;
    this.#renderer.setSize(width, height, false);
    this.#camera.aspect = width / height;
    this.#setLens();
    if (this.#isHome) this.home(); // in a view of another shape
    this.draw();
  }

  #setVideo(on) {
    this.#throughVideo = on;
    this.#cone.visible = !on;
    this.#setLens();
    this.canvas.dispatchEvent(new Event("camerachange"));
  }

  #leaveVideo() {
    this.#isHome = false;
    if (this.#throughVideo) this.#setVideo(false);
  }

  #setLens() {
    const focal = this.#eye.focal ?? this.#timeline.focal_px;
    this.#camera.fov = this.#throughVideo && focal ? videoFov(this.#timeline, focal, this.#camera.aspect) : 40;
    this.#camera.updateProjectionMatrix();
  }

  #retheme = () => {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => new Color(style.getPropertyValue(name).trim());
    this.scene.background = colour("--stage");
    this.scene.fog = new Fog(this.scene.background, 9, 26);
    this.#cone.material.color = colour("--soft");
    if (this.#grid) {
      this.scene.remove(this.#grid);
      this.#grid.dispose();
    }
    this.#grid = new GridHelper(GRID_M, GRID_M, colour("--grid-strong"), colour("--grid"));
    this.#grid.position.set(Math.round(this.#home.target.x), this.floor, Math.round(this.#home.target.z));
    this.scene.add(this.#grid);
    this.draw();
  };
}
