// What the main part shows: a welcome, a clip on its way, or a clip that is done.
import { byId, h, setText } from "./dom.js";
import { plainJob } from "./errors.js";
import { STATES, facts, isActive } from "./format.js";
import { ProgressBar, preview } from "./queue.js";
import { Viewer } from "./viewer.js";

/** An empty page says what to do. */
export function welcome(hasJobs) {
  const step = (title, text) => h("li", {}, h("div", {}, h("h2", {}, title), h("p", {}, text)));
  return h(
    "section",
    { class: "welcome" },
    h("h1", {}, hasJobs ? "Choose a clip" : "See people move, in 3D"),
    h("p", {}, hasJobs ? "Open a clip of the list, or add another one." : "Add a video of people. Each of them is found, followed and rebuilt as a body in space."),
    h(
      "ol",
      {},
      step("Add a clip", "Drop it anywhere on this page, or choose it. Any usual format will do; it stays on this server."),
      step("Wait for it", "The list shows how far it is. You may close the page meanwhile."),
      step("Look and take away", "Scrub through the video with the people in 3D beside it, and download JSON, CSV, BVH, GLB and more."),
    ),
    h("button", { type: "button", class: "primary", onclick: () => byId("file-input").click() }, "Choose clips"),
  );
}

/** The page of one job, whatever its state. */
export class JobPage {
  #actions;
  #state = null;
  #inner = null;
  #job = null;
  #title = h("h1", {});
  #chip = h("span", { class: "chip" });
  #facts = h("p", { class: "hint numbers" });
  #warnings = h("ul", { class: "warnings", "aria-label": "Warnings" });
  #buttons = h("div", { class: "row" });
  #content = h("div", {});

  constructor(actions) {
    this.#actions = actions;
    this.element = h(
      "article",
      { class: "job" },
      h(
        "header",
        { class: "job-head" },
        h("a", { class: "back", href: "#/" }, "‹ All clips"),
        h("div", { class: "job-title" }, this.#title, this.#chip),
        this.#buttons,
        this.#facts,
        this.#warnings,
      ),
      this.#content,
    );
  }

  close() {
    this.#inner?.close?.();
  }

  update(job) {
    this.#job = job;
    setText(this.#title, job.name);
    setText(this.#chip, STATES[job.state]);
    this.#chip.className = `chip ${job.state}`;
    setText(this.#facts, facts(job));
    this.#warnings.hidden = !job.warnings.length;
    this.#warnings.replaceChildren(...job.warnings.map((line) => h("li", {}, `${line[0].toUpperCase()}${line.slice(1)}.`)));
    document.title = `${job.name} – humantrack`;
    if (job.state !== this.#state) this.#rebuild(job);
    this.#inner?.update?.(job);
  }

  #rebuild(job) {
    this.#state = job.state;
    this.close();
    const button = (text, kind, action) => h("button", { type: "button", class: kind, onclick: () => action(this.#job) }, text);
    const { cancel, retry, remove } = this.#actions;
    const had = this.#buttons.contains(document.activeElement);
    const buttons = [];
    if (isActive(job)) buttons.push(button("Cancel", "danger", cancel));
    if (job.state === "failed" || job.state === "cancelled") buttons.push(button("Try again", "primary", retry));
    if (!isActive(job)) buttons.push(button("Delete", "", remove));
    this.#buttons.replaceChildren(...buttons);
    if (had) buttons[0]?.focus();
    this.#inner = job.state === "succeeded" ? new Viewer(job) : isActive(job) ? new Waiting(job.id) : new Ended(job);
    this.#content.replaceChildren(this.#inner.element);
  }
}

/** A clip that waits or runs. */
class Waiting {
  #bar = new ProgressBar();
  #text = h("p", { class: "big numbers" });

  constructor(id) {
    this.element = h(
      "div",
      { class: "panel waiting-panel" },
      preview(id),
      this.#text,
      this.#bar.element,
      h("p", { class: "hint" }, "You may close this page; the server goes on. The people are shown here once the clip is done."),
    );
  }

  update(job) {
    const known = job.state === "running" && job.progress !== null;
    setText(this.#text, job.state === "queued" ? "Waiting its turn" : known ? `${Math.floor(100 * job.progress)} %` : "Running");
    this.#bar.update(job);
  }
}

/** A clip that failed or was cancelled. */
class Ended {
  constructor(job) {
    const failed = job.state === "failed";
    this.element = h(
      "div",
      { class: `panel${failed ? " failed-panel" : ""}` },
      h("p", { class: "big" }, failed ? "This clip could not be finished" : "This clip was cancelled"),
      h("p", {}, failed ? plainJob(job.error) : "Nothing is shown, as it was not finished. Try again goes on where it stopped, if it can."),
    );
    if (failed && job.error)
      this.element.append(
        h(
          "details",
          {},
          h("summary", {}, "What the server says"),
          h("p", {}, h("code", {}, job.error.detail)),
          h("p", { class: "hint" }, `${job.error.code}, exit code ${job.error.exit_code}, after ${job.attempts} ${job.attempts === 1 ? "try" : "tries"}`),
        ),
      );
  }
}
