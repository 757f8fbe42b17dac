// Choosing many clips of the list: to take them away, to delete them, to compare two.
import { urlOf } from "./api.js";
import { byId, h, setText } from "./dom.js";
import { isActive } from "./format.js";

/** Which jobs are chosen. `actions` has removeMany and compare, each given jobs. */
export class Selection {
  #jobs;
  #ids = new Set();
  #on = false;
  #count = h("output", { class: "numbers" });
  #all;
  #zip;
  #compare;
  #remove;
  #changed;

  constructor(jobs, actions, changed) {
    this.#jobs = jobs;
    this.#changed = changed;
    const button = (text, action) => h("button", { type: "button", onclick: action }, text);
    this.#all = button("All shown", () => this.#take(this.#jobs.list.map((job) => job.id)));
    this.#zip = button("Download", () => this.#download());
    this.#compare = button("Compare", () => actions.compare(this.chosen));
    this.#remove = button("Delete", async () => (await actions.removeMany(this.chosen)) && this.#take([]));
    this.#remove.classList.add("danger");
    byId("select-bar").replaceChildren(this.#count, this.#all, this.#zip, this.#compare, this.#remove);
    byId("select-button").addEventListener("click", () => this.#toggle());
  }

  /** Whether cards have boxes to be ticked. */
  get isOn() {
    return this.#on;
  }

  get chosen() {
    return this.#jobs.list.filter((job) => this.#ids.has(job.id));
  }

  has(id) {
    return this.#ids.has(id);
  }

  set(id, on) {
    if (on) this.#ids.add(id);
    else this.#ids.delete(id);
    this.show();
  }

  show() {
    const some = this.chosen;
    const done = some.filter((job) => job.state === "succeeded");
    byId("select-bar").hidden = !this.#on;
    setText(this.#count, `${some.length} chosen`);
    this.#zip.disabled = !done.length;
    this.#compare.disabled = done.length !== 2 || some.length !== 2;
    this.#compare.title = "Side by side; choose two that are done";
    this.#remove.disabled = !some.length || some.some(isActive);
  }

  #toggle() {
    this.#on = !this.#on;
    this.#ids.clear();
    byId("select-button").setAttribute("aria-pressed", String(this.#on));
    this.#changed();
    this.show();
  }

  #take(ids) {
    this.#ids = new Set(ids);
    this.#changed();
    this.show();
  }

  #download() {
    const ids = this.chosen.filter((job) => job.state === "succeeded").map((job) => job.id);
    h("a", { href: urlOf(`files.zip?ids=${ids.join(",")}`), download: "humantrack.zip" }).click();
  }
}
