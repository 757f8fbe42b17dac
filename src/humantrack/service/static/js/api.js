// The server's interface: every request of the page goes through here.
import { ApiError } from "./errors.js";

const ROOT = new URL("api/", document.baseURI);
const PATIENCE_MS = 90_000; // the server itself waits a minute for what it makes
const MOST_WAITS = 2000;
const SOON = { Prefer: "wait=2" }; // so that progress is told

let login = null;

/** What to do when the server wants a token; gives a promise that is kept after the login. */
export function onLogin(ask) {
  login = ask;
}

export const urlOf = (path) => new URL(path, ROOT).href;

export const jobPath = (id, rest = "") => `jobs/${encodeURIComponent(id)}${rest}`;

/**
 * Send a request and give the answer. Raises ApiError; asks for a token where it must. With `patient`
 * it asks again for what the server is still making (202, or 503 and when to come again); `onProgress`
 * then gets how far that is, from 0 to 1.
 */
export async function send(path, options = {}) {
  for (let [logins, waits] = [0, 0]; ; ) {
    const answer = await sendOnce(path, options);
    if (answer.status === 202 && options.patient && waits < MOST_WAITS) {
      waits += 1;
      options.onProgress?.((await answer.json()).progress);
      await pause(seconds(answer.headers.get("Retry-After")) ?? 1, options.signal);
      continue;
    }
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

async function sendOnce(path, { method = "GET", json, headers = {}, signal, patient } = {}) {
  const limit = AbortSignal.timeout(PATIENCE_MS);
  const init = { method, headers: { Accept: "application/json", ...headers }, credentials: "same-origin" };
  if (patient) init.headers.Prefer = "wait=2"; // so that no connection is held for long
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

export const listJobs = (page, perPage, { state, search, sort }) =>
  get(`jobs?${new URLSearchParams({ page, per_page: perPage, sort, ...(state && { state }), ...(search && { search }) })}`);
export const getJob = (id) => get(jobPath(id));
export const stopOrDelete = (id) => send(jobPath(id), { method: "DELETE" });
export const retry = (id) => send(jobPath(id, "/retry"), { method: "POST" });
export const rename = async (id, name) => (await send(jobPath(id), { method: "PATCH", json: { name } })).json();
export const runAgain = async (id, overrides) => (await send(jobPath(id, "/again"), { method: "POST", json: { overrides } })).json();
export const makeLink = async (id) => (await send(jobPath(id, "/link"), { method: "POST" })).json();
export const revokeLink = (id) => send(jobPath(id, "/link"), { method: "DELETE" });
export const listFiles = (id) => get(jobPath(id, "/files"), { patient: true });
export const getTimeline = (id, onProgress) => get(jobPath(id, "/timeline"), { patient: true, onProgress, headers: SOON });
export const getFrames = (id, start, count, signal) =>
  get(jobPath(id, `/frames?start=${start}&count=${count}`), { signal, patient: true });
export const getChart = (id, trackId) => get(jobPath(id, `/charts/${trackId}`), { patient: true });
export const getLive = () => get("live");
export const beginLive = async (source, overrides) => (await send("live", { method: "POST", json: { source, overrides } })).json();
export const stopLive = (id, keep) => send(jobPath(id, "/live/stop"), { method: "POST", json: { keep } });
export const getMaking = (id, name) => get(jobPath(id, `/files/${name}/status`));
export const getLimits = () => get("limits");
export const getBody = async () => (await send("body.glb", { headers: { Accept: "*/*" } })).arrayBuffer();
/** Have a file made, without fetching it; `onProgress` hears how far it is. */
export async function makeFile(url, onProgress, signal) {
  const headers = { Accept: "*/*", Range: "bytes=0-0", ...SOON };
  try {
    await send(url, { headers, patient: true, onProgress, signal });
  } catch (error) {
    if (error.status !== 416) throw error; // an empty file is a file
  }
}
/** Stop the making of a file. */
export const stopMaking = (url) => send(url, { method: "DELETE" });
export const openSession = (token) => send("session", { method: "POST", json: { token }, noLogin: true });
export const closeSession = () => send("session", { method: "DELETE", noLogin: true });
