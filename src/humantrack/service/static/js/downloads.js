// Everything of a job that can be taken away.
import { jobPath, makeFile, stopMaking, urlOf } from "./api.js";
import { h, notice, say, setText } from "./dom.js";
import { plain } from "./errors.js";
import { bytes } from "./format.js";

const ABOUT = [
  [/\.mp4$/, "the video with the people drawn in"],
  [/\.phalp\.pkl$/, "exactly PHALP's keys"],
  [/\.blender\.pkl$/, "for Blender's CEB 4D-Humans add-on"],
  [/\.pkl$/, "the results, as PHALP has them"],
  [/\.meta\.json$/, "what the run was"],
  [/\.coco\.json$/, "COCO boxes and keypoints"],
  [/\.json$/, "everything as one JSON document"],
  [/\.jsonl$/, "the same, a frame a line"],
  [/\.csv$/, "a row per frame and person"],
  [/\.parquet$/, "the same rows, typed and small"],
  [/\.txt$/, "MOTChallenge boxes"],
  [/\.bvh/, "skeleton motion for Blender, Maya, Unreal"],
  [/\.glb$/, "animated bodies in one 3D scene"],
  [/\.trc/, "markers for OpenSim"],
  [/\.npz/, "motion as AMASS has it"],
];
const OF_PERSON = /^(.*)_track(-?\d+(?:_part\d+)?)(\..+)$/;

/** A panel with a link for each file; those of single people share a row a format. */
export function downloadsPanel(files, id) {
  const groups = new Map();
  const rows = [];
  for (const file of files) {
    const match = OF_PERSON.exec(file.name);
    if (!match) rows.push(row(link(file, file.name), file.name, file));
    else groups.set(match[3], [...(groups.get(match[3]) ?? []), [match[2], file]]);
  }
  for (const [suffix, some] of groups) {
    const links = some.map(([person, file]) => link(file, person.replace("_", " ").trim(), `${file.name}, person ${person}`));
    const format = some[0][1].format;
    if (some.length > 1 && format) links.push(zip(id, "all", `Every person's ${suffix} file as a zip`, format));
    rows.push(row(h("span", { class: "per-person" }, suffix, h("span", {}, "person"), ...links), suffix, null));
  }
  return h(
    "section",
    { class: "panel downloads", "aria-label": "Downloads" },
    h("h2", {}, "Downloads"),
    h("p", { class: "row zips" }, zip(id, "Everything as one zip"), groups.has(".bvh") && zip(id, "Every person's BVH", null, "bvh")),
    h("ul", { class: "files" }, ...rows),
    h("p", { class: "hint" }, "What shows no size yet is made when you ask for it."),
  );
}

/** A link to many files as one; what is not there yet is made while it is sent. */
function zip(id, text, label = null, format = null) {
  const url = urlOf(jobPath(id, `/files.zip${format ? `?format=${format}` : ""}`));
  const told = () => say("The zip is on its way; what is not there yet is made meanwhile.");
  return h("a", { href: url, download: true, "aria-label": label, onclick: told }, text);
}

function link(file, text, label = null) {
  const a = h("a", { href: file.url, download: file.name, "aria-label": label }, text);
  let state = file.ready ? "ready" : "to make";
  let asking = null;
  const stop = async () => {
    state = "stopped";
    asking.abort();
    await stopMaking(file.url).catch(() => null); // it may be there by now
  };
  a.addEventListener("click", async (event) => {
    if (state === "ready") return;
    event.preventDefault();
    if (state === "making") return stop();
    state = "making";
    asking = new AbortController();
    setText(a, `${text} …`);
    a.title = "Click again to stop.";
    say(`${file.name} is being made.`);
    try {
      const onProgress = (share) => share && setText(a, `${text} … ${Math.floor(100 * share)} %`);
      await makeFile(file.url, onProgress, asking.signal);
      state = "ready";
      a.click();
    } catch (error) {
      const stopped = state === "stopped";
      state = "to make";
      if (!stopped) notice(`${file.name}: ${plain(error)}`, file.url);
    }
    a.removeAttribute("title");
    setText(a, text);
  });
  return a;
}

const howFar = (told) =>
  told.state === "queued" ? "waits …" : told.progress ? `${Math.round(100 * told.progress)} % …` : "…";

function row(what, name, file) {
  const about = ABOUT.find(([pattern]) => pattern.test(name))?.[1] ?? "";
  const size = file?.ready && file.size !== null ? bytes(file.size) : "";
  return h("li", {}, what, h("span", { class: "hint" }, about), h("span", { class: "hint numbers" }, size));
}
