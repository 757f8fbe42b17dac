// The clips as the server has them: events for those that run, periodic requests for the others.
import { getJob, jobPath, listJobs, urlOf } from "./api.js";
import { isActive } from "./format.js";

const PAGE = 50;
const MOST = 200; // of one answer
const STREAMS = 2; // a browser opens six connections to a server; video and data need the others
const SOON_MS = 2_000;
const LATER_MS = 12_000;
const SLOWEST_MS = 30_000;

/** Sends "change" when jobs did, "end" with a job that has just ended, "lost" and "found". */
export class Jobs extends EventTarget {
  #jobs = new Map();
  #order = [];
  #streams = new Map();
  #timer = null;
  #failures = 0;
  #pages = 1;
  #round = 0;
  #watched = null;
  total = 0;
  state = "";
  search = "";
  sort = "newest";

  /** The jobs that are listed, newest first. */
  get list() {
    return this.#order.map((id) => this.#jobs.get(id)).filter(Boolean);
  }

  get hasMore() {
    return this.#order.length < this.total;
  }

  get(id) {
    return this.#jobs.get(id) ?? null;
  }

  start() {
    document.addEventListener("visibilitychange", () => document.hidden || this.refresh());
    for (const kind of ["online", "offline"]) addEventListener(kind, () => this.refresh());
    addEventListener("pagehide", () => this.#follow(new Set()));
    return this.refresh();
  }

  /** Show only jobs of a `state` ("" for all) with the words of `search`, sorted by `sort`. */
  filter(how) {
    Object.assign(this, how);
    this.#pages = 1;
    return this.refresh();
  }

  more() {
    this.#pages += 1;
    return this.refresh();
  }

  /** The job that is looked at is followed first, and also if it is not listed. */
  async watch(id) {
    this.#watched = id;
    if (id && !this.#jobs.has(id)) this.#take(await getJob(id));
    this.#choose();
  }

  /** Ask the server for the list, and again later. */
  async refresh() {
    clearTimeout(this.#timer);
    const round = ++this.#round;
    try {
      const answers = [];
      const size = Math.min(MOST, PAGE * this.#pages);
      for (let page = 1; page <= Math.ceil((PAGE * this.#pages) / size); page += 1)
        answers.push(await listJobs(page, size, { state: this.state, search: this.search, sort: this.sort }));
      if (round !== this.#round) return;
      const watched = this.#watched && this.#jobs.get(this.#watched);
      const jobs = answers.flatMap((answer) => answer.jobs);
      this.total = answers.at(-1).total;
      this.#order = [...new Set(jobs.map((job) => job.id))];
      jobs.forEach((job) => this.#take(job));
      if (watched && isActive(watched) && !this.#order.includes(watched.id))
        this.#take(await getJob(watched.id));
      if (this.#failures) this.dispatchEvent(new Event("found"));
      this.#failures = 0;
    } catch (error) {
      if (round !== this.#round) return;
      this.#failures += 1;
      this.dispatchEvent(new CustomEvent("lost", { detail: error }));
    }
    this.dispatchEvent(new Event("change"));
    this.#choose();
    this.#again();
  }

  /** Put a job that has just been made at the top. */
  add(job) {
    this.#take(job);
    if ((!this.state || this.state === job.state) && !this.search && this.sort === "newest") {
      this.#order = [job.id, ...this.#order.filter((id) => id !== job.id)];
      this.total += 1;
    }
    this.dispatchEvent(new Event("change"));
    this.refresh();
  }

  /** A job is gone. */
  remove(id) {
    this.#jobs.delete(id);
    this.#order = this.#order.filter((other) => other !== id);
    this.dispatchEvent(new Event("change"));
    this.refresh();
  }

  #take(job) {
    const before = this.#jobs.get(job.id);
    this.#jobs.set(job.id, job);
    if (before && isActive(before) && !isActive(job))
      this.dispatchEvent(new CustomEvent("end", { detail: job }));
  }

  #again() {
    if (document.hidden) return; // coming back asks at once
    const active = this.list.filter(isActive);
    const covered = active.every((job) => this.#streams.has(job.id));
    const wait = this.#failures
      ? Math.min(SOON_MS * 2 ** (this.#failures - 1), SLOWEST_MS)
      : active.length && !covered
        ? SOON_MS
        : LATER_MS;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.refresh(), wait);
  }

  /** Pick the jobs whose events are followed: the one looked at, then those that run. */
  #choose() {
    const watched = this.#jobs.get(this.#watched);
    const running = this.list.filter((job) => job.state === "running").reverse();
    const wanted = [watched, ...running].filter((job) => job && isActive(job)).map((job) => job.id);
    this.#follow(new Set([...new Set(wanted)].slice(0, STREAMS)));
  }

  #follow(wanted) {
    for (const [id, stream] of this.#streams) {
      if (wanted.has(id)) continue;
      stream.close();
      this.#streams.delete(id);
    }
    for (const id of wanted) if (!this.#streams.has(id)) this.#listen(id);
  }

  #listen(id) {
    if (this.#failures) return; // polling says when the server is back
    const stream = new EventSource(urlOf(jobPath(id, "/events")));
    this.#streams.set(id, stream);
    stream.addEventListener("job", (event) => {
      const job = JSON.parse(event.data);
      this.#take(job);
      this.dispatchEvent(new Event("change"));
      if (!isActive(job)) this.#drop(id, stream);
    });
    stream.addEventListener("error", () => this.#drop(id, stream));
  }

  /** A stream has ended or failed: polling goes on, and opens another while the job runs. */
  #drop(id, stream) {
    stream.close();
    if (this.#streams.get(id) === stream) this.#streams.delete(id);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.refresh(), SOON_MS / 4);
  }
}
