// Starts the page and joins its parts.
import { getLimits, onLogin, retry, stopOrDelete } from "./api.js";
import { byId, confirmed, dismiss, notice, say } from "./dom.js";
import { ApiError, plain } from "./errors.js";
import { Jobs } from "./jobs.js";
import { listenForKeys } from "./keys.js";
import { askToken, logOut } from "./login.js";
import { buildOptions, chosenOptions } from "./options.js";
import { JobPage, welcome } from "./pages.js";
import { showQueue } from "./queue.js";
import { Uploads } from "./upload.js";

const jobs = new Jobs();
const uploads = new Uploads((job) => jobs.add(job), chosenOptions);
let page = null; // the opened job's
let openId = null;
let welcomed = null;

const actions = {
  cancel: (job) => attempt(job, stopOrDelete, `${job.name} is cancelled.`),
  retry: (job) => attempt(job, retry, `${job.name} is tried again.`),
  async remove(job) {
    if (!(await confirmed(`Delete ${job.name}?`, "The clip and everything that was made of it are removed from the server.", "Delete"))) return;
    try {
      await stopOrDelete(job.id);
    } catch (error) {
      if (error.status !== 404) return notice(plain(error), `job ${job.id}`);
    }
    say(`${job.name} is deleted.`);
    jobs.remove(job.id);
    if (openId === job.id) location.hash = "#/";
  },
};

async function attempt(job, request, done) {
  try {
    await request(job.id);
    say(done);
  } catch (error) {
    notice(plain(error), `job ${job.id}`);
  }
  await jobs.watch(openId).catch(() => null);
  jobs.refresh();
}

/** Show what the address names. */
async function route() {
  const match = /^#\/jobs\/([^/]+)$/.exec(location.hash);
  const id = match && decodeURIComponent(match[1]);
  const moved = openId !== id;
  openId = id;
  byId("frame").classList.toggle("opened", id !== null);
  byId("frame").classList.remove("with-clips");
  page?.close();
  page = null;
  welcomed = null;
  if (id !== null) {
    try {
      await jobs.watch(id);
    } catch (error) {
      if (openId !== id) return;
      notice(error instanceof ApiError && error.status === 404 ? "This clip is not there any more." : plain(error), "route");
      location.hash = "#/";
      return;
    }
    if (openId !== id) return;
    page = new JobPage(actions);
    byId("main").replaceChildren(page.element);
  } else {
    jobs.watch(null);
    document.title = "humantrack";
  }
  show();
  if (moved && id !== null) byId("main").focus();
  else if (moved && document.activeElement === document.body) byId("choose-button").focus();
}

function show() {
  showQueue(jobs, openId, actions);
  const job = openId && jobs.get(openId);
  if (page && job) page.update(job);
  else if (!openId && welcomed !== jobs.list.length > 0) {
    welcomed = jobs.list.length > 0;
    byId("frame").classList.toggle("with-clips", welcomed);
    byId("main").replaceChildren(welcome(welcomed));
  }
}

/** Files dropped anywhere, or chosen. */
function takeFiles() {
  const input = byId("file-input");
  byId("choose-button").addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    uploads.add([...input.files]);
    input.value = "";
  });
  const veil = byId("drop-veil");
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  let depth = 0;
  addEventListener("dragenter", (event) => {
    if (!hasFiles(event)) return;
    depth += 1;
    veil.hidden = false;
  });
  addEventListener("dragleave", () => (veil.hidden = (depth = Math.max(0, depth - 1)) === 0));
  addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
  addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth = 0;
    veil.hidden = true;
    uploads.add([...event.dataTransfer.files]);
  });
}

function listen() {
  jobs.addEventListener("change", show);
  jobs.addEventListener("lost", (event) => notice(plain(event.detail), "connection"));
  jobs.addEventListener("found", () => dismiss("connection"));
  jobs.addEventListener("end", ({ detail: job }) => {
    const how = { succeeded: "is done", failed: "has failed", cancelled: "is cancelled" }[job.state];
    say(`${job.name} ${how}.`);
  });
  byId("state-filter").addEventListener("change", (event) => jobs.filter(event.target.value));
  byId("more-button").addEventListener("click", () => jobs.more());
  byId("logout-button").addEventListener("click", logOut);
  const help = () => byId("help").showModal();
  byId("help-button").addEventListener("click", help);
  listenForKeys({ "?": help });
  addEventListener("hashchange", route);
  addEventListener("beforeunload", (event) => document.querySelector("#uploads .bar:not([hidden])") && event.preventDefault());
}

async function start() {
  onLogin(askToken);
  takeFiles();
  listen();
  try {
    const limits = await getLimits();
    uploads.limits = limits;
    byId("logout-button").hidden = !limits.token_required;
    buildOptions(limits.overrides);
  } catch (error) {
    notice(plain(error), "connection");
  }
  await jobs.start();
  await route();
}

start();
