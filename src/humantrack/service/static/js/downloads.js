// Everything of a job that can be taken away.
import { listFiles } from "./api.js";
import { h } from "./dom.js";
import { plain } from "./errors.js";
import { bytes } from "./format.js";

const ABOUT = [
  [/\.mp4$/, "the video with the people drawn over it"],
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
  [/\.trc/, "OpenSim markers"],
  [/\.npz/, "AMASS motion"],
];

/** A panel with a link for each file. */
export function downloadsPanel(job) {
  const list = h("ul", { class: "files" });
  const panel = h("section", { class: "panel downloads", "aria-label": "Downloads" }, h("h3", {}, "Downloads"), list);
  load(job, list);
  return panel;
}

async function load(job, list) {
  list.replaceChildren(h("li", { class: "hint" }, "Asking the server…"));
  try {
    const { files } = await listFiles(job.id);
    list.replaceChildren(...files.map(item));
  } catch (error) {
    const again = h("button", { type: "button", onclick: () => load(job, list) }, "Try again");
    list.replaceChildren(h("li", { class: "error" }, plain(error)), h("li", {}, again));
  }
}

function item(file) {
  const about = ABOUT.find(([pattern]) => pattern.test(file.name))?.[1] ?? "";
  const size = file.ready && file.size !== null ? bytes(file.size) : "made when asked for";
  return h(
    "li",
    {},
    h("a", { href: file.url, download: file.name }, file.name),
    h("span", { class: "hint" }, about ? `${about} · ${size}` : size),
  );
}
