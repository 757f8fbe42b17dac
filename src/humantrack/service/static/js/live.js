// Recording a live source: which there are, and with which options.
import { beginLive, getLive } from "./api.js";
import { byId, h, notice } from "./dom.js";
import { isOfOptions, plain } from "./errors.js";
import { askOptions } from "./setup.js";

let live = null; // what the server says may be recorded

/** Options that a live job takes. */
export const liveOverrides = () => live?.overrides;

/** Show the button if there is anything to record; `begun` is called with the job. */
export async function offerLive(begun) {
  try {
    live = await getLive();
  } catch (error) {
    return notice(plain(error), "live");
  }
  const button = byId("live-button");
  button.hidden = !live.sources.length;
  button.addEventListener("click", () => record(begun));
}

async function record(begun) {
  let [chosen, problem] = [{}, ""];
  for (;;) {
    const field = h("select", { id: "live-source", name: "source" }, ...live.sources.map(({ name }) => h("option", { value: name, selected: name === chosen.source }, name)));
    const before = h("div", { class: "option" }, h("label", { for: "live-source" }, "Source"), field);
    chosen = await askOptions({ title: "Record a live source", action: "Begin", before, overrides: live.overrides, chosen, problem });
    if (!chosen) return;
    const { source, ...overrides } = chosen;
    try {
      return begun(await beginLive(source, overrides));
    } catch (error) {
      problem = isOfOptions(error) ? error.detail : plain(error);
    }
  }
}
