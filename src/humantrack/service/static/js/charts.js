// Joint angles, speed and height of the hips of the chosen person over time, in step with the video.
import { getChart, jobPath, urlOf } from "./api.js";
import { busy, h, setText, svg } from "./dom.js";
import { plain } from "./errors.js";

const SIDES = ["left", "right"];
const CHARTS = [
  ["Knee flexion", "°", SIDES.map((side) => [side, `${side}_knee_flexion`])],
  ["Hip flexion", "°", SIDES.map((side) => [side, `${side}_hip_flexion`])],
  ["Elbow flexion", "°", SIDES.map((side) => [side, `${side}_elbow_flexion`])],
  ["Trunk", "°", ["flexion", "bending", "rotation"].map((name) => [name, `trunk_${name}`])],
  ["Speed of the hips", "m/s", [["speed", "hip_speed"]]],
  ["Height of the hips", "m", [["height", "hip_height"]]],
];
const [WIDTH, HEIGHT] = [1000, 100];
const LEAST = { "°": 20, "m/s": 0.5, m: 0.2 }; // range of an axis at least
const SPACES = {
  world: "In the world of the clip: speed over its floor, height above it.",
  camera: "As the camera sees it: a camera that moves and errors of depth are part of speed and height, which is above the usual place of the feet.",
};

/** A panel for one person. Sends "seek" with seconds of the results. */
export class Charts extends EventTarget {
  #id;
  #start;
  #length;
  #seconds = 0;
  #chosen = null;
  #known = new Map();
  #shown = null; // the chart, and what shows it
  #body = h("div", {});
  #title = h("h2", {});

  constructor(id, timeline) {
    super();
    this.#id = id;
    this.#start = timeline.marks_s?.[0] ?? 0;
    this.#length = timeline.duration_s || 1;
    this.element = h("section", { class: "panel charts", "aria-label": "Charts", hidden: true }, this.#title, this.#body);
  }

  /** Show a person; null hides the panel. */
  async choose(trackId) {
    this.#chosen = trackId;
    this.#shown = null;
    this.element.hidden = trackId === null;
    if (trackId === null) return;
    setText(this.#title, `Person ${trackId} over time`);
    this.#body.replaceChildren(busy("Measuring angles, speed and height…"));
    try {
      if (!this.#known.has(trackId)) this.#known.set(trackId, await getChart(this.#id, trackId));
      if (this.#chosen === trackId) this.#build(this.#known.get(trackId));
    } catch (error) {
      if (this.#chosen !== trackId) return;
      const again = h("button", { type: "button", onclick: () => this.choose(trackId) }, "Try again");
      this.#body.replaceChildren(h("p", { role: "alert" }, plain(error)), h("div", { class: "row end" }, again));
    }
  }

  /** Mark a moment, in seconds from the beginning of the results. */
  show(seconds) {
    this.#seconds = seconds;
    if (!this.#shown) return;
    const { chart, heads, values } = this.#shown;
    const time = seconds + this.#start;
    const place = nearest(chart.time_s, time);
    const isThere = place !== null;
    for (const head of heads) head.style.left = `${(100 * seconds) / this.#length}%`;
    for (const { out, name, unit } of values) setText(out, isThere ? `${rounded(chart.series[name][place], unit === "°" ? 0 : 2)} ${unit}` : "–");
  }

  #build(chart) {
    const heads = [];
    const values = [];
    const figures = CHARTS.map(([title, unit, lines]) => this.#figure(chart, title, unit, lines, heads, values));
    const table = h("a", { href: urlOf(jobPath(this.#id, `/charts/${chart.track_id}.csv`)), download: `charts_track${chart.track_id}.csv` }, "All of it as CSV");
    this.#body.replaceChildren(h("p", { class: "hint" }, `${SPACES[chart.space]} Faint where the person was out of sight. `, table), h("div", { class: "chart-grid" }, ...figures));
    this.#shown = { chart, heads, values };
    this.show(this.#seconds);
  }

  #figure(chart, title, unit, lines, heads, values) {
    const all = lines.flatMap(([, name]) => chart.series[name]);
    const [low, high] = range(all, unit);
    const y = (value) => HEIGHT - (HEIGHT * (value - low)) / (high - low);
    const x = (time) => (WIDTH * (time - this.#start)) / this.#length;
    const digits = unit === "°" ? 0 : 2;
    const paths = lines.flatMap(([, name], number) => [
      svg("path", { class: `faint line-${number}`, d: line(chart, name, x, y, false) }),
      svg("path", { class: `line-${number}`, d: line(chart, name, x, y, true) }),
    ]);
    const said = lines.map(([label, name]) => `${label} ${rounded(Math.min(...chart.series[name]), digits)} to ${rounded(Math.max(...chart.series[name]), digits)} ${unit}`);
    const zero = low < 0 && high > 0 ? [svg("path", { class: "zero", d: `M0 ${y(0)}H${WIDTH}` })] : [];
    const picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": `${title}: ${said.join(", ")}` }, ...zero, ...paths);
    const head = h("div", { class: "playhead" });
    heads.push(head);
    const legend = lines.map(([label, name], number) => {
      const out = h("b", { class: "numbers" }, "–");
      values.push({ out, name, unit });
      return h("span", { class: "legend" }, h("i", { class: `key line-${number}`, "aria-hidden": "true" }), `${label} `, out);
    });
    const plot = h("div", { class: "plot" }, picture, head);
    const seek = (event) => {
      const box = plot.getBoundingClientRect();
      const share = Math.max(0, Math.min(1, (event.clientX - box.left) / box.width));
      this.dispatchEvent(new CustomEvent("seek", { detail: share * this.#length + this.#start }));
    };
    plot.addEventListener("pointerdown", (event) => {
      plot.setPointerCapture(event.pointerId);
      seek(event);
    });
    plot.addEventListener("pointermove", (event) => event.buttons && seek(event));
    const axis = h("div", { class: "chart-axis numbers", "aria-hidden": "true" }, h("span", {}, rounded(high, digits)), h("span", {}, rounded(low, digits)));
    return h("figure", { class: "chart" }, h("figcaption", {}, h("span", { class: "chart-title" }, `${title}, ${unit}`), ...legend), axis, plot);
  }
}

/** A number as text; never "-0". */
const rounded = (value, digits) => (Number(value.toFixed(digits)) + 0).toFixed(digits);

/** Ends of an axis that holds all values, with some room. */
function range(values, unit) {
  let [low, high] = values.reduce(([a, b], value) => [Math.min(a, value), Math.max(b, value)], [Infinity, -Infinity]);
  if (unit === "m/s") low = 0;
  const more = Math.max(0, LEAST[unit] - (high - low)) / 2 + 0.05 * (high - low);
  return [unit === "m/s" ? 0 : low - more, high + more];
}

/** The path of a series; broken, if asked, where the person was not seen. */
function line(chart, name, x, y, seenOnly) {
  let out = "";
  let pen = "M";
  chart.series[name].forEach((value, i) => {
    if (seenOnly && !chart.observed[i]) {
      pen = "M";
      return;
    }
    out += `${pen}${x(chart.time_s[i]).toFixed(1)} ${y(value).toFixed(1)}`;
    pen = "L";
  });
  return out;
}

/** The place of the time that is nearest; null where the series has none near. */
function nearest(times, time) {
  let low = 0;
  let high = times.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] < time) low = middle + 1;
    else high = middle;
  }
  if (low > 0 && time - times[low - 1] < times[low] - time) low -= 1;
  const step = times.length > 1 ? (times.at(-1) - times[0]) / (times.length - 1) : 1;
  return Math.abs(times[low] - time) <= 1.5 * step ? low : null;
}
