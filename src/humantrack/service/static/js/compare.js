// Two jobs side by side, in step.
import { h } from "./dom.js";
import { optionsText } from "./options.js";
import { Viewer } from "./viewer.js";

const SIDES = ["Left", "Right"];
const APART_S = 0.12; // more than this is not in step

/** The page of two jobs. The first leads: its player and keys are those of both. */
export class ComparePage {
  #viewers;

  constructor(jobs) {
    this.#viewers = jobs.map((job, i) => new Viewer(job, { follows: i > 0 }));
    this.#viewers.forEach((viewer, i) => viewer.addEventListener("ready", () => tellApart(viewer.element, SIDES[i])));
    const [leader, follower] = this.#viewers;
    leader.follower = follower;
    for (const name of ["moved", "ready"]) leader.addEventListener(name, () => this.#follow());
    follower.addEventListener("ready", () => this.#follow());
    follower.addEventListener("sought", (event) => leader.seekTo(event.detail));
    const sides = jobs.map((job, i) =>
      h(
        "section",
        { class: "side-by-side", "aria-label": `${SIDES[i]}: ${job.name}` },
        h("h2", {}, h("a", { href: `#/jobs/${encodeURIComponent(job.id)}` }, job.name)),
        h("p", { class: "hint" }, optionsText(job.overrides) || "All options as usual"),
        this.#viewers[i].element,
      ),
    );
    this.element = h(
      "article",
      { class: "compare" },
      h("header", { class: "job-head" }, h("a", { class: "back", href: "#/" }, "‹ All clips"), h("div", { class: "job-title" }, h("h1", {}, "Side by side"))),
      h("div", { class: "compare-sides" }, ...sides),
    );
    document.title = `${jobs.map((job) => job.name).join(" and ")} – humantrack`;
  }

  update() {}

  close() {
    for (const viewer of this.#viewers) viewer.close();
  }

  /** Bring the second to where the first is. */
  #follow() {
    const [leader, follower] = this.#viewers;
    if (!leader.isReady || !follower.isReady) return;
    const { playing, rate } = leader.player;
    if (rate !== follower.player.rate) follower.player.setRate(rate);
    follower.play(playing);
    const apart = Math.abs(leader.seconds - follower.seconds);
    if (!playing || apart > APART_S) follower.seekTo(leader.seconds);
  }
}

/** Parts of the page that have the same name on both sides get one of their own. */
function tellApart(element, side) {
  for (const part of element.querySelectorAll("section[aria-label]")) part.setAttribute("aria-label", `${part.getAttribute("aria-label")}, ${side.toLowerCase()}`);
}
