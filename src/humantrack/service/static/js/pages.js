// What the main part shows: a welcome, a clip on its way, or a clip that is done.
import { listFiles } from "./api.js";
import { byId, h, setText } from "./dom.js";
import { isOfOptions, plainJob } from "./errors.js";
import { STATES, facts, frames, isActive } from "./format.js";
import { LiveView } from "./liveview.js";
import { optionsText } from "./options.js";
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
  #options = h("p", { class: "hint" });
  #warnings = h("ul", { class: "warnings", "aria-label": "Warnings" });
  #buttons = h("div", { class: "row" });
  #content = h("div", {});

  /** Without actions it can only be looked at. */
  constructor(actions) {
    this.#actions = actions;
    this.element = h(
      "article",
      { class: "job" },
      h(
        "header",
        { class: "job-head" },
        actions ? h("a", { class: "back", href: "#/" }, "‹ All clips") : h("p", { class: "hint" }, "A read-only link to this clip"),
        h("div", { class: "job-title" }, this.#title, this.#chip),
        this.#buttons,
        this.#facts,
        this.#options,
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
    setText(this.#options, optionsText(job.overrides));
    this.#options.hidden = !this.#options.textContent;
    this.#warnings.hidden = !job.warnings.length;
    this.#warnings.replaceChildren(...job.warnings.map((line) => h("li", {}, `${line[0].toUpperCase()}${line.slice(1)}.`)));
    document.title = `${job.name} – humantrack`;
    if (stateOf(job) !== this.#state) this.#rebuild(job);
    this.#inner?.update?.(job);
  }

  #rebuild(job) {
    this.#state = stateOf(job);
    this.close();
    const button = (text, kind, action) => h("button", { type: "button", class: kind, onclick: () => action(this.#job) }, text);
    const had = this.#buttons.contains(document.activeElement);
    const buttons = [];
    if (this.#actions) {
      const { cancel, retry, remove, again, name, share, keep, discard } = this.#actions;
      const mayRetry = !job.live && (job.state === "failed" || job.state === "cancelled");
      const isWrong = job.state === "failed" && isOfOptions(job.error);
      if (job.live && job.state === "running") {
        if (!job.live.ending) buttons.push(button("Stop and keep", "primary", keep));
        buttons.push(button("Stop and delete…", "danger", discard));
      } else if (isActive(job)) buttons.push(button("Cancel", "danger", cancel));
      if (mayRetry && !isWrong) buttons.push(button("Try again", "primary", retry));
      if (!isActive(job)) buttons.push(button(job.live ? "Record again…" : mayRetry ? "Change options…" : "Run again…", isWrong ? "primary" : "", again));
      buttons.push(button("Rename…", "", name));
      if (job.state === "succeeded") buttons.push(button("Share…", "", share));
      if (!isActive(job)) buttons.push(button("Delete", "", remove));
    }
    this.#buttons.replaceChildren(...buttons);
    if (had) buttons[0]?.focus();
    this.#inner = innerOf(job, Boolean(this.#actions));
    this.#content.replaceChildren(this.#inner.element);
  }
}

/** What a page is made for: when it changes, it is built anew. */
const stateOf = (job) => `${job.state}${job.live?.ending ? " ending" : ""}`;

/** A read-only link shows no live source, which only its owner may watch. */
function innerOf(job, isOwn) {
  if (job.state === "succeeded") return new Viewer(job);
  if (!isActive(job)) return new Ended(job);
  return isOwn && job.live && job.state === "running" && !job.live.ending ? new LiveView(job) : new Waiting(job);
}

/** A clip that waits or runs. */
class Waiting {
  #bar = new ProgressBar();
  #text = h("p", { class: "big numbers" });

  constructor(job) {
    const what = job.live ? "recording has ended" : "clip is done";
    this.element = h(
      "div",
      { class: "panel waiting-panel" },
      job.live ? null : preview(job.id),
      this.#text,
      this.#bar.element,
      h("p", { class: "hint" }, `You may close this page; the server goes on. The people are shown here once the ${what}.`),
    );
  }

  update(job) {
    const known = job.state === "running" && job.progress !== null;
    const running = job.live?.ending ? "Finishing what was recorded" : "Running";
    setText(this.#text, job.state === "queued" ? "Waiting its turn" : known ? `${Math.floor(100 * job.progress)} %` : running);
    this.#bar.update(job);
  }
}

/** A clip that failed or was cancelled, with what was done until then. */
class Ended {
  #viewer = null;
  #closed = false;

  close() {
    this.#closed = true;
    this.#viewer?.close();
  }

  async #showPart(job) {
    const { files } = await listFiles(job.id).catch(() => ({ files: [] }));
    if (this.#closed || !files.length) return;
    this.#viewer = new Viewer(job);
    const said = `This is what was done before it ${job.state === "failed" ? "failed" : "was stopped"}: about ${frames(job.frames)}${job.frames_total ? ` of ${job.frames_total}` : ""}, not the whole clip.`;
    this.element.append(h("p", { class: "warnings part-note" }, said), this.#viewer.element);
  }

  constructor(job) {
    this.#showPart(job);
    const failed = job.state === "failed";
    const panel = h(
      "div",
      { class: `panel${failed ? " failed-panel" : ""}` },
      h("p", { class: "big" }, failed ? "This clip could not be finished" : "This clip was cancelled"),
      h("p", {}, failed ? plainJob(job.error) : job.live ? "Nothing of the recording was kept." : "It was not finished. Try again goes on where it stopped, if it can."),
    );
    this.element = h("div", {}, panel);
    if (failed && job.error)
      panel.append(
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
