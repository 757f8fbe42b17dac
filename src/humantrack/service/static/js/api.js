// The server's interface: every request of the page goes through here.
import { ApiError } from "./errors.js";

const ROOT = new URL("api/", document.baseURI);
const PATIENCE_MS = 60_000;

let login = null;

/** What to do when the server wants a token; gives a promise that is kept after the login. */
export function onLogin(ask) {
  login = ask;
}

export const urlOf = (path) => new URL(path, ROOT).href;

export const jobPath = (id, rest = "") => `jobs/${encodeURIComponent(id)}${rest}`;

/** Send a request and give the answer. Raises ApiError; asks for a token where it must. */
export async function send(path, options = {}) {
  for (let tries = 0; ; tries += 1) {
    const answer = await sendOnce(path, options);
    if (answer.ok) return answer;
    if (answer.status === 401 && login && !options.noLogin && tries < 3) await login();
    else throw await problemOf(answer);
  }
}

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
export const listFiles = (id) => get(jobPath(id, "/files"));
export const getTimeline = (id) => get(jobPath(id, "/timeline"));
export const getFrames = (id, start, count, signal) =>
  get(jobPath(id, `/frames?start=${start}&count=${count}`), { signal });
export const getLimits = () => get("limits");
export const getBody = async () => (await send("body.glb", { headers: { Accept: "*/*" } })).arrayBuffer();
export const openSession = (token) => send("session", { method: "POST", json: { token }, noLogin: true });
export const closeSession = () => send("session", { method: "DELETE", noLogin: true });
