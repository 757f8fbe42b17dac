// The list of clips at the side. Cards are kept and patched, so that the focus stays where it is.
import { jobPath, urlOf } from "./api.js";
import { byId, h, setText } from "./dom.js";
import { plainJob } from "./errors.js";
import { STATES, facts, isActive } from "./format.js";

const cards = new Map();

/** Show the jobs. `actions` has cancel, retry and remove, each given a job. */
export function showQueue(jobs, openId, actions) {
  const list = byId("jobs");
  const shown = jobs.list;
  const ids = new Set(shown.map((job) => job.id));
  for (const [id, card] of cards) {
    if (ids.has(id)) continue;
    if (card.element.contains(document.activeElement)) byId("choose-button").focus();
    card.element.remove();
    cards.delete(id);
  }
  shown.forEach((job, place) => {
    if (!cards.has(job.id)) cards.set(job.id, new Card(job.id, actions));
    const card = cards.get(job.id);
    card.update(job, job.id === openId);
    if (list.children[place] !== card.element) list.insertBefore(card.element, list.children[place] ?? null);
  });
  byId("queue-empty").hidden = shown.length > 0;
  setText(byId("queue-empty"), jobs.state ? "No clip in this state." : "Nothing here yet.");
  byId("more-button").hidden = !jobs.hasMore;
}

/** A picture of a clip; nothing if there is none. */
export function preview(id) {
  const image = h("img", { class: "preview", src: urlOf(jobPath(id, "/preview.jpg")), alt: "", loading: "lazy" });
  image.addEventListener("error", () => image.remove());
  return image;
}

class Card {
  #job = null;
  #link = h("a", { class: "card-name" });
  #chip = h("span", { class: "chip" });
  #facts = h("p", { class: "card-facts" });
  #progress;
  #buttons;

  constructor(id, actions) {
    const button = (text, action) =>
      h("button", { type: "button", class: "quiet", onclick: () => action(this.#job) }, text);
    this.#link.href = `#/jobs/${encodeURIComponent(id)}`;
    this.#progress = new ProgressBar();
    this.#buttons = {
      Cancel: button("Cancel", actions.cancel),
      Retry: button("Try again", actions.retry),
      Delete: button("Delete", actions.remove),
    };
    this.element = h(
      "li",
      { class: "card" },
      h("div", { class: "card-head" }, this.#link, this.#chip),
      h("div", { class: "card-body" }, preview(id), this.#facts),
      this.#progress.element,
      h("div", { class: "card-actions" }, ...Object.values(this.#buttons)),
    );
  }

  update(job, isOpen) {
    this.#job = job;
    this.element.classList.toggle("open", isOpen);
    if (isOpen) this.#link.setAttribute("aria-current", "page");
    else this.#link.removeAttribute("aria-current");
    setText(this.#link, job.name);
    this.#link.title = job.name;
    setText(this.#chip, STATES[job.state]);
    this.#chip.className = `chip ${job.state}`;
    const failed = job.state === "failed";
    this.#facts.className = `card-facts${failed ? " error" : ""}`;
    setText(this.#facts, failed ? plainJob(job.error) : facts(job));
    this.#progress.update(job);
    const active = isActive(job);
    const shown = { Cancel: active, Retry: failed || job.state === "cancelled", Delete: !active };
    for (const [name, button] of Object.entries(this.#buttons)) {
      if (!shown[name] && button === document.activeElement) this.#link.focus();
      button.hidden = !shown[name];
      button.setAttribute("aria-label", `${button.textContent}: ${job.name}`);
    }
  }
}

/** A bar for a job that runs or waits. */
export class ProgressBar {
  #fill = h("div", { class: "fill" });

  constructor() {
    this.element = h("div", { class: "bar", role: "progressbar", "aria-valuemin": 0, "aria-valuemax": 100 }, this.#fill);
  }

  update(job) {
    this.element.hidden = job.state !== "running";
    if (this.element.hidden) return;
    const known = job.progress !== null;
    const percent = known ? Math.floor(100 * job.progress) : null;
    this.element.classList.toggle("unknown", !known);
    this.element.setAttribute("aria-label", `Progress of ${job.name}`);
    if (known) {
      this.#fill.style.width = `${percent}%`;
      this.element.setAttribute("aria-valuenow", percent);
    } else {
      this.#fill.style.width = "";
      this.element.removeAttribute("aria-valuenow");
    }
  }
}

