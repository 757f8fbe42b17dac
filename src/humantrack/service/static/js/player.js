// Where in the clip we are. The video leads while it plays; while it is seeked, the wanted row does.

const FAR_ROWS = 3;
const FIRST_MS = 500; // pages out of sight are not told of the first picture

/**
 * Joins a video with the rows of the results; without a video it keeps time by itself.
 * Sends "row" when another frame is shown and "play" when it starts or stops.
 */
export class Player extends EventTarget {
  row = 0;
  rate = 1;
  #chunks;
  #start;
  #video = null;
  #playing = false;
  #target = null; // row that was asked for last
  #seeking = false;
  #wanted = 0; // row that the video is on its way to
  #loop = 0;
  #last = 0;
  #time = 0;
  #isWhole = false; // the video is the whole clip, not only the rows
  #lead = 0; // when the whole clip's first picture is shown, by its own clock
  #isReady = false; // a picture is there, and the lead is known

  constructor(chunks) {
    super();
    this.#chunks = chunks;
    this.#start = chunks.timeOf(0);
    this.#time = this.#start;
  }

  get count() {
    return this.#chunks.count;
  }

  get playing() {
    return this.#playing;
  }

  /** Seconds from the beginning of the clip. */
  get seconds() {
    return this.#chunks.timeOf(this.row) - this.#start;
  }

  /** Follow a video element from now on, whose source is the whole clip or begins at the first row. */
  useVideo(video, isWhole = false) {
    this.#isWhole = isWhole;
    this.#lead = 0;
    this.#isReady = this.#seeking = false;
    if (this.#video === video) return;
    this.#video = video;
    video.addEventListener("play", () => this.#played(true));
    video.addEventListener("pause", () => {
      this.#played(false);
      if (this.#video !== video || this.#seeking || video.ended) return;
      const row = this.#chunks.rowAt(this.#timeAt(video.currentTime));
      if (Math.abs(row - this.row) > FAR_ROWS) this.#arrive(row); // hidden pages are not told of pictures
      // The clock may lag behind the picture that was shown last: make them one.
      this.seek(this.row);
    });
    video.addEventListener("ended", () => this.#arrive(this.count - 1));
    video.addEventListener("seeked", () => this.#seeked());
    video.addEventListener("loadeddata", () => setTimeout(() => this.#begin(0), FIRST_MS));
    if (video.requestVideoFrameCallback) {
      const shown = (_, frame) => {
        if (!this.#isReady) this.#begin(frame.mediaTime);
        else this.#shows(frame.mediaTime);
        if (this.#video === video) video.requestVideoFrameCallback(shown);
      };
      video.requestVideoFrameCallback(shown);
    } else {
      video.addEventListener("timeupdate", () => this.#shows(video.currentTime));
    }
  }

  /** The first picture is there: its time is that of the clip's beginning. */
  #begin(mediaTime) {
    if (this.#isReady || !this.#video) return;
    this.#isReady = true;
    this.#lead = this.#isWhole ? mediaTime : 0;
    if (this.row || this.#timeAt(0) !== this.#start || this.#target !== null) this.seek(this.row);
  }

  /** Seconds of the results at a time of the video, and back. */
  #timeAt(time) {
    return this.#isWhole ? time - this.#lead : time + this.#start;
  }

  #videoTime(seconds) {
    return this.#isWhole ? seconds + this.#lead : seconds - this.#start;
  }

  /** Go on without a video: it is missing, or cannot be played. */
  dropVideo() {
    this.#video = null;
    this.#seeking = false;
    this.#target = null;
    this.#played(false);
  }

  async toggle() {
    if (this.#playing) return this.pause();
    if (this.row >= this.count - 1) this.seek(0);
    if (!this.#video) return this.#played(true);
    this.#video.playbackRate = this.rate;
    try {
      await this.#video.play();
    } catch (error) {
      if (error.name === "NotSupportedError") throw error; // pause() while it began is no error
    }
  }

  pause() {
    if (this.#video) this.#video.pause();
    else this.#played(false);
  }

  setRate(rate) {
    this.rate = rate;
    if (this.#video) this.#video.playbackRate = rate;
  }

  /** Show a row at once; the video follows as fast as it can. */
  seek(row) {
    row = Math.max(0, Math.min(this.count - 1, Math.round(row)));
    this.#time = this.#chunks.timeOf(row);
    if (this.#video) {
      this.#target = row;
      if (!this.#seeking && this.#isReady) this.#seekVideo();
    }
    this.#arrive(row);
  }

  step(rows) {
    this.pause();
    this.seek(this.row + rows);
  }

  close() {
    cancelAnimationFrame(this.#loop);
    this.#video?.pause();
    this.#video = null;
  }

  #seekVideo() {
    const next = this.#chunks.timeOf(Math.min(this.#target + 1, this.count - 1));
    const time = this.#chunks.timeOf(this.#target);
    const middle = next > time ? (time + next) / 2 : time + 1e-3; // safe from rounding at the edges
    this.#seeking = true;
    this.#wanted = this.#target;
    this.#video.currentTime = Math.max(0, this.#videoTime(middle));
  }

  #seeked() {
    if (!this.#seeking) return;
    if (this.#target !== null && this.#target !== this.#wanted) return this.#seekVideo();
    this.#seeking = false;
    this.#target = null;
  }

  #shows(mediaTime) {
    if (this.#seeking) return;
    const time = this.#timeAt(mediaTime);
    this.#arrive(this.#chunks.rowAt(time));
    if (this.#isWhole && this.row >= this.count - 1 && this.#playing) this.pause(); // the clip may go on
  }

  #played(on) {
    if (on === this.#playing) return;
    this.#playing = on;
    cancelAnimationFrame(this.#loop);
    if (on) {
      this.#last = performance.now();
      this.#loop = requestAnimationFrame((now) => this.#tick(now));
    }
    this.dispatchEvent(new Event("play"));
  }

  #tick(now) {
    const passed = Math.max(0, now - this.#last) / 1000;
    this.#last = now;
    if (!this.#video) this.#keepTime(passed);
    else if (!this.#video.requestVideoFrameCallback) this.#shows(this.#video.currentTime);
    if (this.#playing) this.#loop = requestAnimationFrame((later) => this.#tick(later));
  }

  #keepTime(passed) {
    this.#time += passed * this.rate;
    const row = this.#chunks.rowAt(this.#time);
    this.#arrive(row);
    if (row >= this.count - 1) this.#played(false);
  }

  #arrive(row) {
    if (row === this.row) return;
    this.row = row;
    this.dispatchEvent(new Event("row"));
  }
}
