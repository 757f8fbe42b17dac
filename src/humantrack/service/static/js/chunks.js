// Frames of a clip, fetched in chunks when they are needed; only the last few chunks are kept.
import { getFrames } from "./api.js";

const MOST = 12; // chunks that are kept: a minute or so of video
const FLIGHTS = 3; // requests under way at once; scrubbing drops the oldest

/** The frames of one job. Sends "loaded" for a chunk that has come, "failed" for one that has not. */
export class Chunks extends EventTarget {
  #kept = new Map(); // in order of use, the last one last
  #flying = new Map();
  #id;
  #timeline;
  #closed = false;

  constructor(id, timeline) {
    super();
    this.#id = id;
    this.#timeline = timeline;
    this.size = timeline.mark_every ?? 120;
    this.count = timeline.frames;
  }

  /** How many chunks are kept now. */
  get kept() {
    return this.#kept.size;
  }

  /** The frame of a row, or null while it is fetched. */
  at(row) {
    const number = Math.floor(row / this.size);
    const chunk = this.#kept.get(number);
    if (!chunk) {
      this.#fetch(number);
      return null;
    }
    this.#kept.delete(number);
    this.#kept.set(number, chunk);
    return chunk[row - number * this.size] ?? null;
  }

  /** The frame of a row if it is there; nothing is fetched. */
  peek(row) {
    return this.#kept.get(Math.floor(row / this.size))?.[row % this.size] ?? null;
  }

  /** Fetch what will be needed soon. */
  ahead(row, step) {
    const number = Math.floor((row + step * this.size * 0.5) / this.size);
    if (number >= 0 && number * this.size < this.count && !this.#kept.has(number)) this.#fetch(number);
  }

  /** The row that is shown at a time, in seconds of the results. */
  rowAt(seconds) {
    const marks = this.#timeline.marks_s;
    if (!marks?.length) return this.#within(Math.floor(seconds * this.#timeline.fps + 0.01));
    let mark = upper(marks, seconds, (time) => time) - 1;
    if (mark < 0) return 0;
    const first = mark * this.size;
    const chunk = this.#kept.get(mark);
    if (chunk) return this.#within(first + upper(chunk, seconds, (frame) => frame.time_s) - 1);
    const fps = this.#rate(mark);
    return Math.min(this.#within(first + Math.floor((seconds - marks[mark]) * fps + 0.01)), first + this.size - 1);
  }

  /** When a row is shown. */
  timeOf(row) {
    const marks = this.#timeline.marks_s;
    if (!marks?.length) return row / this.#timeline.fps;
    const frame = this.peek(row);
    if (frame) return frame.time_s;
    const mark = Math.floor(row / this.size);
    return marks[mark] + (row - mark * this.size) / this.#rate(mark);
  }

  close() {
    this.#closed = true;
    for (const flight of this.#flying.values()) flight.abort();
    this.#kept.clear();
  }

  #within(row) {
    return Math.max(0, Math.min(this.count - 1, row));
  }

  /** Frames a second between two marks, of which neither chunk need be here. */
  #rate(mark) {
    const marks = this.#timeline.marks_s;
    const span = marks[mark + 1] - marks[mark];
    return span > 0 ? this.size / span : this.#timeline.fps;
  }

  async #fetch(number) {
    if (this.#flying.has(number) || this.#closed) return;
    while (this.#flying.size >= FLIGHTS) {
      const [oldest, flight] = this.#flying.entries().next().value;
      flight.abort();
      this.#flying.delete(oldest);
    }
    const flight = new AbortController();
    this.#flying.set(number, flight);
    try {
      const answer = await getFrames(this.#id, number * this.size, this.size, flight.signal);
      if (this.#closed) return;
      this.#kept.set(number, answer.frames);
      while (this.#kept.size > MOST) this.#kept.delete(this.#kept.keys().next().value);
      this.dispatchEvent(new CustomEvent("loaded", { detail: number }));
    } catch (error) {
      if (!flight.signal.aborted) this.dispatchEvent(new CustomEvent("failed", { detail: error }));
    } finally {
      if (this.#flying.get(number) === flight) this.#flying.delete(number);
    }
  }
}

/** How many of the rising values are not above one (with a hair's allowance for rounding). */
function upper(values, limit, key) {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (key(values[middle]) <= limit + 1e-4) low = middle + 1;
    else high = middle;
  }
  return low;
}
