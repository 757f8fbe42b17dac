// Starts the page and joins its parts.
import { actionsOf } from "./actions.js";
import { getLimits, onLogin } from "./api.js";
import { ComparePage } from "./compare.js";
import { byId, dismiss, notice, say } from "./dom.js";
import { ApiError, plain } from "./errors.js";
import { Jobs } from "./jobs.js";
import { listenForKeys } from "./keys.js";
import { offerLive } from "./live.js";
import { askToken, logOut } from "./login.js";
import { buildOptions, chosenOptions } from "./options.js";
import { JobPage, welcome } from "./pages.js";
import { showQueue } from "./queue.js";
import { Selection } from "./select.js";
import { askOptions } from "./setup.js";
import { sharedLink, showShared } from "./shared.js";
import { Uploads } from "./upload.js";

const SEARCH_MS = 250;

const jobs = new Jobs();
const uploads = new Uploads((job) => jobs.add(job), () => chosenOptions(byId("options-form")), askOptionsOf);
const go = (hash) => (location.hash = hash);
const actions = actionsOf({ jobs, limits: () => uploads.limits, openId: () => openId, go });
const selection = new Selection(jobs, actions, () => show());
let page = null; // the opened job's, or that of two
let openId = null;
let opened = null; // the address that is shown
let welcomed = null;

/** Ask for the options of a file that is not with the server yet. */
async function askOptionsOf(file, chosen = chosenOptions(byId("options-form")), problem = "") {
  const url = URL.createObjectURL(file);
  try {
    return await askOptions({ title: `Add ${file.name}`, action: "Add the clip", url, overrides: uploads.limits?.overrides, chosen, problem });
  } finally {
    URL.revokeObjectURL(url);
  }
}

/** What the address names: the ids of one job, of two, or none. */
function named() {
  const match = /^#\/(?:jobs\/([^/]+)|compare\/([^/]+)\/([^/]+))$/.exec(location.hash);
  return (match ?? []).slice(1).filter(Boolean).map(decodeURIComponent);
}

/** Show what the address names. */
async function route() {
  if (sharedLink()) return location.reload();
  const ids = named();
  const address = ids.join(" ");
  const moved = opened !== address;
  opened = address;
  openId = ids[0] ?? null;
  byId("frame").classList.toggle("opened", ids.length > 0);
  byId("frame").classList.remove("with-clips");
  page?.close();
  page = null;
  welcomed = null;
  if (ids.length) {
    try {
      for (const id of [...ids].reverse()) await jobs.watch(id);
    } catch (error) {
      if (opened !== address) return;
      notice(error instanceof ApiError && error.status === 404 ? "This clip is not there any more." : plain(error), "route");
      go("#/");
      return;
    }
    if (opened !== address) return;
    page = ids.length === 2 ? new ComparePage(ids.map((id) => jobs.get(id))) : new JobPage(actions);
    byId("main").replaceChildren(page.element);
  } else {
    jobs.watch(null);
    document.title = "humantrack";
  }
  show();
  if (moved && ids.length) byId("main").focus();
  else if (moved && document.activeElement === document.body) byId("choose-button").focus();
}

function show() {
  showQueue(jobs, openId, actions, selection);
  selection.show();
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
  const part = byId("part-input");
  byId("part-button").addEventListener("click", () => part.click());
  part.addEventListener("change", async () => {
    const [file] = part.files;
    const options = file && (await askOptionsOf(file));
    if (options) uploads.add([file], options);
    part.value = "";
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
  byId("state-filter").addEventListener("change", (event) => jobs.filter({ state: event.target.value }));
  byId("sort").addEventListener("change", (event) => jobs.filter({ sort: event.target.value }));
  let typing = null;
  byId("search").addEventListener("input", (event) => {
    clearTimeout(typing);
    typing = setTimeout(() => jobs.filter({ search: event.target.value.trim() }), SEARCH_MS);
  });
  byId("more-button").addEventListener("click", () => jobs.more());
  byId("logout-button").addEventListener("click", logOut);
  addEventListener("hashchange", route);
  addEventListener("beforeunload", (event) => document.querySelector("#uploads .bar:not([hidden])") && event.preventDefault());
}

/** What every page has: the list of keys, and buttons that close their dialog. */
function listenEverywhere() {
  const help = () => byId("help").showModal();
  byId("help-button").addEventListener("click", help);
  listenForKeys({ "?": help });
  document.addEventListener("click", (event) => event.target.closest("[data-close]")?.closest("dialog").close());
}

async function start() {
  listenEverywhere();
  if (sharedLink()) return showShared(sharedLink());
  onLogin(askToken);
  takeFiles();
  listen();
  try {
    const limits = await getLimits();
    uploads.limits = limits;
    byId("logout-button").hidden = !limits.token_required;
    buildOptions(byId("options-form"), limits.overrides);
    byId("options").hidden = !Object.keys(limits.overrides ?? {}).length;
  } catch (error) {
    notice(plain(error), "connection");
  }
  await jobs.start();
  await route();
  await offerLive((job) => {
    jobs.add(job);
    go(`#/jobs/${job.id}`);
  });
}

start();
