// Numbers and states in words.

export const STATES = {
  queued: "Waiting",
  running: "Running",
  succeeded: "Done",
  failed: "Failed",
  cancelled: "Cancelled",
};

/** Where a pose, or a part of it, comes from. */
export const SOURCES = { seen: "seen", hidden: "hidden, estimated", held: "held from before", made_up: "guessed" };

/** Whether nothing of a person's pose is of this frame. */
export const isGuess = (person) => person.pose === "held" || person.pose === "made_up";

/** 0.834 -> "83 %". */
export const percent = (share) => (share === null ? "not known" : `${Math.round(100 * share)} %`);

export const isActive = (job) => job.state === "queued" || job.state === "running";

const joined = (parts) => parts.map((part) => part.replaceAll(" ", "\u00a0")).join(" · ");

const plural = (count, one, many) => `${count.toLocaleString("en")} ${count === 1 ? one : many}`;

export const frames = (count) => plural(count, "frame", "frames");

export const people = (count) => (count === 0 ? "nobody" : plural(count, "person", "people"));

/** 75.2 -> "1 min 15 s". */
export function duration(seconds) {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** 75.21 -> "1:15.21", as on a player. */
export function clock(seconds, digits = 2) {
  const minutes = Math.floor(seconds / 60);
  const rest = (seconds - 60 * minutes).toFixed(digits).padStart(digits ? digits + 3 : 2, "0");
  if (minutes < 60) return `${minutes}:${rest}`;
  return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${rest}`;
}

export function bytes(count) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (count >= 1000 && unit < units.length - 1) {
    count /= 1000;
    unit += 1;
  }
  return `${count < 10 && unit ? count.toFixed(1) : Math.round(count)} ${units[unit]}`;
}

/** What a job is at, as one line. */
export function facts(job) {
  const parts = [];
  if (job.state === "queued") return job.attempts > 1 ? "Waiting for another try" : "Waiting its turn";
  if (job.state === "running") {
    if (job.progress !== null) parts.push(`${Math.floor(100 * job.progress)} %`);
    parts.push(job.frames_total ? `${job.frames} of ${frames(job.frames_total)}` : frames(job.frames));
    if (job.fps) parts.push(`${job.fps.toFixed(1)} fps`);
    if (job.people !== null) parts.push(people(job.people));
    if (job.seconds_left !== null) parts.push(`${duration(job.seconds_left)} left`);
    return joined(parts);
  }
  parts.push(job.state === "cancelled" ? `Stopped after ${frames(job.frames)}` : frames(job.frames));
  if (job.people !== null) parts.push(people(job.people));
  if (job.warnings.length) parts.push(plural(job.warnings.length, "warning", "warnings"));
  if (job.started_at && job.ended_at) {
    const took = (Date.parse(job.ended_at) - Date.parse(job.started_at)) / 1000;
    if (took >= 0) parts.push(`took ${duration(took)}`);
  }
  return joined(parts);
}
