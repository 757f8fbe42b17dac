// The server's interface: every request of the page goes through here.
import { ApiError } from "./errors.js";

const ROOT = new URL("api/", document.baseURI);
const PATIENCE_MS = 90_000; // the server itself waits a minute for what it makes
const MOST_WAITS = 200;

let login = null;

/** What to do when the server wants a token; gives a promise that is kept after the login. */
export function onLogin(ask) {
  login = ask;
}

export const urlOf = (path) => new URL(path, ROOT).href;

export const jobPath = (id, rest = "") => `jobs/${encodeURIComponent(id)}${rest}`;

/**
 * Send a request and give the answer. Raises ApiError; asks for a token where it must. With `patient`
 * it asks again for what the server is still making (503 and when to come again).
 */
export async function send(path, options = {}) {
  for (let [logins, waits] = [0, 0]; ; ) {
    const answer = await sendOnce(path, options);
    if (answer.ok) return answer;
    const error = await problemOf(answer);
    if (error.status === 401 && login && !options.noLogin && logins < 3) {
      logins += 1;
      await login();
    } else if (error.status === 503 && error.retryAfter && options.patient && waits < MOST_WAITS) {
      waits += 1;
      await pause(error.retryAfter, options.signal);
    } else throw error;
  }
}

const pause = (seconds, signal) =>
  new Promise((resolve, reject) => {
    setTimeout(resolve, 1000 * seconds);
    signal?.addEventListener("abort", () => reject(signal.reason));
  });

async function sendOnce(path, { method = "GET", json, headers = {}, signal } = {}) {
  const limit = AbortSignal.timeout(PATIENCE_MS);
  const init = { method, headers: { Accept: "application/json", ...headers }, credentials: "same-origin" };
  init.signal = signal ? (AbortSignal.any?.([signal, limit]) ?? signal) : limit;
  if (json !== undefined) {
    init.body = JSON.stringify(json);
    init.headers["Content-Type"] = "application/json";
  }
  try {
    return await fetch(urlOf(path), init);
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0);
  }
}

async function problemOf(answer) {
  let problem = {};
  try {
    problem = await answer.json();
  } catch {
    // no document: the status has to do
  }
  return new ApiError(answer.status, problem, seconds(answer.headers.get("Retry-After")));
}

export const seconds = (header) => (header && Number.isFinite(+header) ? +header : null);

/** The same, with the answer's JSON. */
export async function get(path, options) {
  return (await send(path, options)).json();
}

export const listJobs = (page, perPage, state) =>
  get(`jobs?${new URLSearchParams({ page, per_page: perPage, ...(state && { state }) })}`);
export const getJob = (id) => get(jobPath(id));
export const stopOrDelete = (id) => send(jobPath(id), { method: "DELETE" });
export const retry = (id) => send(jobPath(id, "/retry"), { method: "POST" });
export const listFiles = (id) => get(jobPath(id, "/files"), { patient: true });
export const getTimeline = (id) => get(jobPath(id, "/timeline"), { patient: true });
export const getFrames = (id, start, count, signal) =>
  get(jobPath(id, `/frames?start=${start}&count=${count}`), { signal, patient: true });
export const getLimits = () => get("limits");
export const getBody = async () => (await send("body.glb", { headers: { Accept: "*/*" } })).arrayBuffer();
/** Have a file made, without fetching it. */
export async function makeFile(url) {
  try {
    await send(url, { headers: { Accept: "*/*", Range: "bytes=0-0" }, patient: true });
  } catch (error) {
    if (error.status !== 416) throw error; // an empty file is a file
  }
}
export const openSession = (token) => send("session", { method: "POST", json: { token }, noLogin: true });
export const closeSession = () => send("session", { method: "DELETE", noLogin: true });
