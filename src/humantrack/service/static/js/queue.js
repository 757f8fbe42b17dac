// The list of clips at the side. Cards are kept and patched, so that the focus stays where it is.
import { getMaking, jobPath, urlOf } from "./api.js";
import { byId, h, setText } from "./dom.js";
import { plainJob } from "./errors.js";
import { STATES, facts, isActive } from "./format.js";

const [PREVIEW_TRIES, FIRST_MS, LONGEST_MS] = [3, 1000, 8000];

const cards = new Map();

/** Show the jobs. `actions` has cancel, retry and remove, each given a job; `selection` those chosen. */
export function showQueue(jobs, openId, actions, selection) {
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
    if (!cards.has(job.id)) cards.set(job.id, new Card(job.id, actions, selection));
    const card = cards.get(job.id);
    card.update(job, job.id === openId);
    card.choose(selection.isOn, selection.has(job.id));
    if (list.children[place] !== card.element) list.insertBefore(card.element, list.children[place] ?? null);
  });
  byId("queue-empty").hidden = shown.length > 0;
  setText(byId("queue-empty"), jobs.search ? "No clip with this name." : jobs.state ? "No clip in this state." : "Nothing here yet.");
  byId("more-button").hidden = !jobs.hasMore;
}

/** Wait until a clip's picture is made, while it is wanted; false if there will be none. */
async function isMade(id, image) {
  for (let wait = FIRST_MS; ; wait = Math.min(2 * wait, LONGEST_MS)) {
    await new Promise((resolve) => setTimeout(resolve, wait));
    if (!image.isConnected) return false;
    const { state } = await getMaking(id, "preview.jpg");
    if (state !== "queued" && state !== "running") return state === "ready" || state === "absent";
  }
}

/** A picture of a clip; nothing if there is none. One that is being made is shown once it is there. */
export function preview(id) {
  const image = h("img", { class: "preview", src: urlOf(jobPath(id, "/preview.jpg")), alt: "", loading: "lazy" });
  let tries = 0;
  image.addEventListener("error", async () => {
    tries += 1;
    const isThere = tries <= PREVIEW_TRIES && (await isMade(id, image).catch(() => false));
    if (isThere) image.setAttribute("src", image.src);
    else if (image.isConnected) image.remove();
  });
  return image;
}

/** Whether there may be a picture of a job: of what is being recorded there is none. */
const hasPicture = (job) => !job.live || (job.state === "succeeded" && job.overrides["render.enable"] !== false);

class Card {
  #job = null;
  #isOpen = false;
  #hasPicture = false;
  #link = h("a", { class: "card-name" });
  #chip = h("span", { class: "chip" });
  #facts = h("p", { class: "card-facts" });
  #progress;
  #buttons;
  #body = h("div", { class: "card-body" }, this.#facts);
  #box;

  constructor(id, actions, selection) {
    this.#box = h("input", { type: "checkbox", class: "card-box", hidden: true, onchange: () => selection.set(id, this.#box.checked) });
    const button = (text, action) =>
      h("button", { type: "button", class: "quiet", onclick: () => action(this.#job) }, text);
    this.#link.href = `#/jobs/${encodeURIComponent(id)}`;
    this.#progress = new ProgressBar();
    this.#buttons = {
      Cancel: button("Cancel", (job) => (job.live && job.state === "running" ? actions.keep(job) : actions.cancel(job))),
      Retry: button("Try again", actions.retry),
      Delete: button("Delete", actions.remove),
    };
    this.element = h(
      "li",
      { class: "card" },
      h("div", { class: "card-head" }, this.#box, this.#link, this.#chip),
      this.#body,
      this.#progress.element,
      h("div", { class: "card-actions" }, ...Object.values(this.#buttons)),
    );
  }

  /** Show a box, ticked or not. */
  choose(isOn, isChosen) {
    if (this.#box.hidden === isOn) this.#box.hidden = !isOn;
    this.#box.checked = isChosen;
  }

  update(job, isOpen) {
    if (job === this.#job && isOpen === this.#isOpen) return; // nothing has changed
    this.#job = job;
    this.#isOpen = isOpen;
    this.element.classList.toggle("open", isOpen);
    if (isOpen) this.#link.setAttribute("aria-current", "page");
    else this.#link.removeAttribute("aria-current");
    setText(this.#link, job.name);
    this.#link.title = job.name;
    this.#box.setAttribute("aria-label", `Choose ${job.name}`);
    setText(this.#chip, STATES[job.state]);
    this.#chip.className = `chip ${job.state}`;
    const failed = job.state === "failed";
    this.#facts.className = `card-facts${failed ? " error" : ""}`;
    setText(this.#facts, failed ? plainJob(job.error) : facts(job));
    this.#progress.update(job);
    const active = isActive(job);
    if (hasPicture(job) && !this.#hasPicture) this.#body.prepend(preview(job.id));
    this.#hasPicture ||= hasPicture(job);
    setText(this.#buttons.Cancel, job.live && job.state === "running" ? "Stop" : "Cancel");
    const shown = { Cancel: active && !job.live?.ending, Retry: !job.live && (failed || job.state === "cancelled"), Delete: !active };
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

