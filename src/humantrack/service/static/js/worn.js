// The body that everybody wears, the same for every clip.
import { getBody } from "./api.js";

let body = null;

/** The body, fetched once; a failure is not kept. */
export function bodyOf() {
  body ??= Promise.all([import("./body.js"), getBody()]).then(([{ readBody }, buffer]) => readBody(buffer));
  body.catch(() => (body = null));
  return body;
}
