// Clips on their way to the server: one after the other, each with its progress.
import { seconds, urlOf } from "./api.js";
import { byId, h, say, setText } from "./dom.js";
import { ApiError, isOfOptions, plain } from "./errors.js";
import { bytes, duration } from "./format.js";

/** A name that makes a repeated upload the same one. */
function uniqueKey() {
  const random = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Takes files, sends them in turn, and tells `onJob` of each job that the server made. */
export class Uploads {
  #waiting = [];
  #current = null;
  #onJob;
  #options;
  #ask;
  limits = null;

  /** `options` gives those for new clips; `ask` asks for those of one clip. */
  constructor(onJob, options, ask) {
    this.#onJob = onJob;
    this.#options = options;
    this.#ask = ask;
  }

  add(files, options = this.#options()) {
    for (const file of files) {
      const upload = new Upload(file, options, {
        cancel: () => this.#cancel(upload),
        again: () => this.#enqueue(upload),
        change: () => this.#change(upload),
      });
      byId("uploads").append(upload.card);
      const limit = this.limits?.upload_bytes;
      if (limit && file.size > limit) upload.fail(plain(new ApiError(413), this.limits), false);
      else if (file.size === 0) upload.fail("This file is empty.", false);
      else this.#enqueue(upload);
    }
  }

  #enqueue(upload) {
    upload.wait();
    this.#waiting.push(upload);
    this.#next();
  }

  async #next() {
    if (this.#current || !this.#waiting.length) return;
    const upload = (this.#current = this.#waiting.shift());
    try {
      const job = await upload.send();
      say(`${upload.name} is with the server.`);
      upload.card.remove();
      this.#onJob(job);
    } catch (error) {
      const wrong = isOfOptions(error);
      if (upload.card.isConnected) upload.fail(wrong ? error.detail : plain(error, this.limits), !wrong, wrong);
    }
    this.#current = null;
    this.#next();
  }

  /** Correct the options that the server did not take. */
  async #change(upload) {
    const options = await this.#ask(upload.file, upload.options, upload.problem);
    if (!options) return;
    upload.take(options);
    this.#enqueue(upload);
  }

  #cancel(upload) {
    this.#waiting = this.#waiting.filter((other) => other !== upload);
    upload.card.remove();
    upload.abort();
  }
}

class Upload {
  #file;
  #key = uniqueKey();
  #options;
  #request = null;
  #facts = h("p", { class: "card-facts" });
  #fill = h("div", { class: "fill" });
  #bar;
  #chip = h("span", { class: "chip" });
  #again;
  #change;
  #cancel;
  #started = 0;
  problem = ""; // what was wrong

  constructor(file, options, { cancel, again, change }) {
    this.#file = file;
    this.#options = options;
    this.name = file.name;
    this.#bar = h("div", { class: "bar", role: "progressbar", "aria-label": `Upload of ${file.name}`, "aria-valuemin": 0, "aria-valuemax": 100 }, this.#fill);
    this.#again = h("button", { type: "button", class: "quiet", onclick: again, hidden: true }, "Try again");
    this.#again.setAttribute("aria-label", `Try the upload of ${file.name} again`);
    this.#change = h("button", { type: "button", class: "quiet", onclick: change, hidden: true, "aria-label": `Change the options of ${file.name}` }, "Change options…");
    this.#cancel = h("button", { type: "button", class: "quiet", onclick: cancel });
    this.card = h(
      "li",
      { class: "card" },
      h("div", { class: "card-head" }, h("span", { class: "card-name", title: file.name }, file.name), this.#chip),
      h("div", { class: "card-body" }, this.#facts),
      this.#bar,
      h("div", { class: "card-actions" }, this.#again, this.#change, this.#cancel),
    );
  }

  wait() {
    this.#state("Waiting", "queued");
    this.#again.hidden = this.#change.hidden = true;
    this.#bar.hidden = false;
    this.#facts.className = "card-facts";
    setText(this.#facts, `${bytes(this.#file.size)}, waiting for the one before`);
  }

  get file() {
    return this.#file;
  }

  get options() {
    return this.#options;
  }

  /** Other options make it another upload. */
  take(options) {
    this.#options = options;
    this.#key = uniqueKey();
  }

  fail(text, mayTryAgain, mayChange = false) {
    this.problem = text;
    this.#change.hidden = !mayChange;
    this.#state("Not added", "failed");
    this.#bar.hidden = true;
    this.#again.hidden = !mayTryAgain;
    this.#facts.className = "card-facts error";
    setText(this.#facts, text);
    say(`${this.name}: ${text}`);
  }

  #state(text, kind) {
    setText(this.#chip, text);
    this.#chip.className = `chip ${kind}`;
    this.#name(kind === "failed" ? "Dismiss" : "Cancel");
  }

  #name(text) {
    setText(this.#cancel, text);
    this.#cancel.setAttribute("aria-label", `${text}: ${this.name}`);
  }

  abort() {
    this.#request?.abort();
  }

  #show(sent) {
    const share = sent / this.#file.size;
    const percent = Math.min(100, Math.floor(100 * share));
    const took = (performance.now() - this.#started) / 1000;
    const left = took > 1 && share > 0.01 ? ` · ${duration((took * (1 - share)) / share)} left` : "";
    this.#fill.style.width = `${percent}%`;
    this.#bar.setAttribute("aria-valuenow", percent);
    const done = sent >= this.#file.size;
    setText(this.#facts, done ? "Sent; the server looks at it" : `${percent} % of ${bytes(this.#file.size)}${left}`);
  }

  /** The job. Raises ApiError. (XMLHttpRequest, as fetch does not tell how far an upload is.) */
  send() {
    const body = new FormData();
    body.append("file", this.#file);
    if (Object.keys(this.#options).length) body.append("overrides", JSON.stringify(this.#options));
    this.#started = performance.now();
    this.#state("Uploading", "running");
    this.#show(0);
    return new Promise((resolve, reject) => {
      const request = (this.#request = new XMLHttpRequest());
      request.open("POST", urlOf("jobs"));
      request.responseType = "json";
      request.setRequestHeader("Idempotency-Key", this.#key);
      request.upload.onprogress = (event) => this.#show(Math.min(event.loaded, this.#file.size));
      request.onload = () => {
        if (request.status < 300 && request.response) resolve(request.response);
        else reject(new ApiError(request.status, request.response ?? {}, seconds(request.getResponseHeader("Retry-After"))));
      };
      request.onerror = request.onabort = request.ontimeout = () => reject(new ApiError(0));
      request.send(body);
    });
  }
}
