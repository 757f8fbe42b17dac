// Everything of a job that can be taken away.
import { makeFile } from "./api.js";
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
export function downloadsPanel(files) {
  const groups = new Map();
  const rows = [];
  for (const file of files) {
    const match = OF_PERSON.exec(file.name);
    if (!match) rows.push(row(link(file, file.name), file.name, file));
    else groups.set(match[3], [...(groups.get(match[3]) ?? []), [match[2], file]]);
  }
  for (const [suffix, some] of groups) {
    const links = some.map(([person, file]) => link(file, person.replace("_", " ").trim(), `${file.name}, person ${person}`));
    rows.push(row(h("span", { class: "per-person" }, suffix, h("span", {}, "person"), ...links), suffix, null));
  }
  return h(
    "section",
    { class: "panel downloads", "aria-label": "Downloads" },
    h("h2", {}, "Downloads"),
    h("ul", { class: "files" }, ...rows),
    h("p", { class: "hint" }, "What shows no size yet is made when you ask for it."),
  );
}

function link(file, text, label = null) {
  const a = h("a", { href: file.url, download: file.name, "aria-label": label }, text);
  let state = file.ready ? "ready" : "to make";
  a.addEventListener("click", async (event) => {
    if (state === "ready") return;
    event.preventDefault();
    if (state === "making") return;
    state = "making";
    setText(a, `${text} …`);
    say(`${file.name} is being made.`);
    try {
      await makeFile(file.url);
      state = "ready";
      a.click();
    } catch (error) {
      state = "to make";
      notice(`${file.name}: ${plain(error)}`, file.url);
    }
    setText(a, text);
  });
  return a;
}

function row(what, name, file) {
  const about = ABOUT.find(([pattern]) => pattern.test(name))?.[1] ?? "";
  const size = file?.ready && file.size !== null ? bytes(file.size) : "";
  return h("li", {}, what, h("span", { class: "hint" }, about), h("span", { class: "hint numbers" }, size));
}
